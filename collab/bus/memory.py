"""A bus for a process that is alone: there is nobody to tell and nobody to hear from."""

from __future__ import annotations

from uuid import UUID

from collab.live.ports import Listener, Note


class MemoryBus:
    """``live.ports.Bus`` without a service and without other processes."""

    several = False
    unsure = False

    def start(self) -> None:
        """There is nothing to start."""

    async def stop(self) -> None:
        """There is nothing to stop."""

    def open(self, topic: UUID, listener: Listener) -> None:
        """Nobody else will say anything about it."""

    def close(self, topic: UUID) -> None:
        """Nobody did."""

    def publish(self, topic: UUID, update: bytes) -> None:
        """Nobody is to be told."""

    def committed(self, topic: UUID, *, everything: bool) -> None:
        """Nobody waits for it."""

    def announce(self, topic: UUID) -> bool:
        """Nobody will ask."""
        return False

    def tell(self, topic: UUID, note: Note) -> None:
        """Nobody is to be told."""
