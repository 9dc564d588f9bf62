"""Whether a process hears itself: its own beacon, which every process in the group gets, must come back to it.

A subscription can be lost while sending goes on as if nothing had happened; this is what notices it. Decides only.
"""

from __future__ import annotations

ECHO_PATIENCE = 1.5
"""A beacon that has not come back for so long was lost, and other messages may have been, too."""

RENEW_INTERVAL = 3.0
"""A link that stays deaf is made anew this often."""

SEARCH_INTERVAL = 0.5
"""How often a beacon is sent while none comes back."""


class Pulse:
    """The beacons of this process.

    Attributes:
        deaf: Messages may be getting lost.
    """

    def __init__(self, now: float) -> None:
        self.deaf = True
        self._number = 0
        self._sent = float("-inf")
        self._awaited_since: float | None = None
        self._deaf_since = self._renewed = now

    def beat(self, now: float) -> bytes:
        """The payload of one more beacon."""
        self._number += 1
        self._sent = now
        if self._awaited_since is None:
            self._awaited_since = now
        return self._number.to_bytes(8, "big")

    def hear(self, payload: bytes, now: float) -> None:
        """One came back."""
        self._awaited_since = None if payload == self._number.to_bytes(8, "big") else now
        self.deaf = False

    def lose(self, now: float) -> None:
        """Messages may be getting lost from now on."""
        if not self.deaf:
            self.deaf = True
            self._deaf_since = now

    def check(self, now: float) -> None:
        """Notice that none has come back for too long."""
        if self._awaited_since is not None and now - self._awaited_since > ECHO_PATIENCE:
            self.lose(now)

    def is_due(self, now: float, interval: float) -> bool:
        """Whether a beacon is to be sent, every ``interval`` as a rule."""
        return now - self._sent >= (SEARCH_INTERVAL if self.deaf else interval)

    def renews(self, now: float) -> bool:
        """Whether the link should be made anew now; says so once for each time that it should."""
        if not self.deaf or now - max(self._renewed, self._deaf_since) <= RENEW_INTERVAL:
            return False
        self._renewed = now
        return True
