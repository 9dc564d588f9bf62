#!/usr/bin/env python3
"""Django's command line. On a fresh checkout ``up`` and ``test`` first install what they need into ``.venv``."""

import os
import sys

from collab.management import bootstrap


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    bootstrap.ensure(sys.argv)
    try:
        from django.core.management import execute_from_command_line
    except ImportError as problem:
        raise ImportError(
            "Django is not installed here: type python3 manage.py up, or pip install -r requirements.txt"
        ) from problem
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
