"""What carries bytes between processes: as little as any message broker can do, and no promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

Address = UUID | bytes | None
"""A topic: all processes that joined it. The id of a process: that one, which joined its own. None: all processes."""


class LinkDown(Exception):
    """Nothing can be sent at the moment."""


class Link(Protocol):
    """Carries bytes to every process in a group, itself included; may lose, repeat and reorder them."""

    async def connect(self, receive: Callable[[bytes], None]) -> None:
        """Be in the group of all processes; ``receive`` is called with everything from every group joined.

        Raises:
            LinkDown: Not now.
        """

    async def join(self, address: UUID | bytes) -> None:
        """Be in the group of a topic, or of a process.

        Raises:
            LinkDown: Not now.
        """

    async def leave(self, topic: UUID) -> None:
        """Leave it.

        Raises:
            LinkDown: Not now.
        """

    async def send(self, address: Address, message: bytes) -> None:
        """Send to everybody there.

        Raises:
            LinkDown: It may not have been sent.
        """

    async def close(self) -> None:
        """Give up every connection and group, as far as that can be done; ``connect`` may follow."""
