"""The Django application: its checks, and what must happen once when a process starts."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.signals import setting_changed
from django.db.models.signals import post_delete
from django.utils.translation import gettext_lazy as _


class CollabConfig(AppConfig):
    """Rooms with boards and documents that several people edit at once."""

    name = "collab"
    verbose_name = _("Collaboration")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        checks.register(_check_settings)
        checks.register(_check_processes)
        setting_changed.connect(_forget_settings, dispatch_uid="collab.conf")

        from collab.models import Attachment, Page
        from collab.uploads import forget_file

        post_delete.connect(_end_page, sender=Page, dispatch_uid="collab.end_page")
        post_delete.connect(forget_file, sender=Attachment, dispatch_uid="collab.uploads")


def _end_page(*, instance: Any, **kwargs: Any) -> None:
    """Somebody may be looking at the page that was deleted."""
    from django.db import transaction

    from collab import runtime

    page_id = instance.pk
    transaction.on_commit(lambda: runtime.end_page(page_id))


def _forget_settings(*, setting: str, **kwargs: Any) -> None:
    if setting == "COLLAB":
        from collab.attempts import attempts
        from collab.conf import collab_settings

        collab_settings.cache_clear()
        attempts.cache_clear()


def _check_settings(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Report limits that do not exist or contradict each other, and variables that nothing reads."""
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    from collab import conf

    found: list[checks.CheckMessage] = []
    values = getattr(settings, "COLLAB", {})
    unknown = conf.unknown_keys(values)
    found.extend(
        checks.Error(f"COLLAB has no setting {name!r}.", hint="docs/settings.md lists them.", id="collab.E001")
        for name in unknown
    )
    try:
        conf.build({name: value for name, value in values.items() if name not in unknown})
    except ImproperlyConfigured as error:
        found.append(checks.Error(str(error), id="collab.E002"))
    found.extend(
        checks.Warning(f"Nothing reads the environment variable {name}.", hint="Misspelt?", id="collab.W001")
        for name in getattr(settings, "COLLAB_UNKNOWN_VARIABLES", [])
    )
    return found


def _check_processes(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Report several processes that could not tell each other anything."""
    from django.conf import settings

    from collab.bus.channel_layer import reaches_other_processes

    processes = getattr(settings, "COLLAB_PROCESSES", 1)
    if processes <= 1 or reaches_other_processes():
        return []
    return [
        checks.Error(
            f"WEB_CONCURRENCY asks for {processes} processes, which need Redis to tell each other about edits.",
            hint="Set REDIS_URL, or WEB_CONCURRENCY=1.",
            id="collab.E003",
        )
    ]
