"""Signing in with a password: only so many wrong ones.

Counted per network address and account, and per address: nobody can lock somebody else out from elsewhere, and nobody
can try the same password on every account. Kept in this process's memory, bounded; each process counts for itself.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.utils.translation import gettext_lazy as _

from collab.addresses import address_of_request
from collab.conf import CollabSettings, collab_settings
from collab.live.rates import Bucket

PER_ACCOUNT = 1 / 60
"""Attempts that come back in a second, for one account from one address."""

PER_ADDRESS = 1 / 6
"""The same for an address, whatever the account."""

MAX_KEYS = 20_000
"""Accounts and addresses that are remembered; beyond it the one tried longest ago is forgotten."""


class Attempts:
    """Wrong passwords, counted. Safe to use from several threads."""

    def __init__(self, settings: CollabSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now = now
        self._lock = Lock()
        self._buckets: OrderedDict[tuple[str | None, str], Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, address: str | None, name: str) -> float:
        """Seconds until another attempt is let through; 0 for now.

        Args:
            address: As ``collab.addresses`` tells it; all that have none count as one, and by account only.
            name: Of the account, whether there is one or not.
        """
        with self._lock:
            now = self._now()
            keys = ((address, ""), (address, _folded(name)))
            return max(self._buckets[key].wait(now) if key in self._buckets else 0.0 for key in keys)

    def failed(self, address: str | None, name: str) -> None:
        """A password was wrong."""
        with self._lock:
            now = self._now()
            if address is not None:
                self._bucket((address, ""), PER_ADDRESS, self._settings.sign_in_attempts_per_address).take(now)
            self._bucket((address, _folded(name)), PER_ACCOUNT, self._settings.sign_in_attempts).take(now)

    def succeeded(self, address: str | None, name: str) -> None:
        """A password was right: what went wrong before it was typing."""
        with self._lock:
            self._buckets.pop((address, _folded(name)), None)

    def _bucket(self, key: tuple[str | None, str], per_second: float, burst: int) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= MAX_KEYS:
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = Bucket(per_second, burst / per_second)
        self._buckets.move_to_end(key)
        return bucket


def _folded(name: str) -> str:
    """Never empty, so that it is not the key of the address itself."""
    return f"={name.casefold()[:150]}"


@cache
def attempts() -> Attempts:
    """Those of this process."""
    return Attempts(collab_settings())


class _Counted(AuthenticationForm):
    """Asks no further when there were too many wrong passwords, whether this one is right or not."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "too_many": _("Too many wrong passwords. Wait a few minutes and try again."),
    }

    def clean(self) -> dict[str, Any]:
        """Check name and password.

        Raises:
            ValidationError: They are wrong, or there were too many wrong ones.
        """
        name = str(self.cleaned_data.get("username") or "")
        if not name or not self.cleaned_data.get("password"):
            return super().clean()
        address = address_of_request(self.request.META, collab_settings().trusted_proxies) if self.request else None
        if attempts().wait(address, name) > 0:
            raise forms.ValidationError(self.error_messages["too_many"], code="too_many")
        try:
            cleaned = super().clean()
        except forms.ValidationError:
            attempts().failed(address, name)
            raise
        attempts().succeeded(address, name)
        return cleaned


class SignInForm(_Counted):
    """For everybody."""


class AdminSignInForm(_Counted, AdminAuthenticationForm):
    """For the admin."""

    error_messages = {**AdminAuthenticationForm.error_messages, "too_many": _Counted.error_messages["too_many"]}
