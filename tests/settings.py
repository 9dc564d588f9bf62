"""The product's settings with a data directory of this run's own, so that no test touches anybody's rooms."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

if "COLLAB_TEST_DATA_DIR" not in os.environ:
    os.environ["COLLAB_TEST_DATA_DIR"] = tempfile.mkdtemp(prefix="collab-tests-")
    atexit.register(shutil.rmtree, os.environ["COLLAB_TEST_DATA_DIR"], ignore_errors=True)
os.environ["COLLAB_DATA_DIR"] = os.environ["COLLAB_TEST_DATA_DIR"]

from config.settings import *  # noqa: F403

# The real hasher costs a quarter of a second for every account a test makes.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
