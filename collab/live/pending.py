"""What joins the next broadcast of a page: accepted updates, and what is owed to their senders."""

from __future__ import annotations

from collab.live.outbox import Advances
from collab.live.peer import Peer


class Pending:
    """One broadcast in the making. It is replaced by an empty one when it is sent.

    Attributes:
        updates: Accepted updates, oldest first.
        advances: For each client id in them the clock from which on and up to which they bring it.
        acknowledgements: For each peer how many of its sync messages are durable once these updates are committed.
        author: The peer all of them came from, who is not sent them; ``None`` when there is no such peer.
    """

    __slots__ = ("acknowledgements", "advances", "author", "updates")

    def __init__(self) -> None:
        self.updates: list[bytes] = []
        self.advances: dict[int, tuple[int, int]] = {}
        self.acknowledgements: dict[Peer, int] = {}
        self.author: Peer | None = None

    def add(self, peer: Peer | None, update: bytes, advances: Advances) -> None:
        """Append an update of this peer; ``None``: its sender is to be sent it like everybody else."""
        if not self.updates:
            self.author = peer
        elif peer is not self.author:
            self.author = None
        self.updates.append(update)
        for client_id, (start, end) in advances.items():
            earlier = self.advances.get(client_id)
            self.advances[client_id] = (start if earlier is None else earlier[0], end)
