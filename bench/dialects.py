"""How each server is spoken to: the same Yjs messages, framed and introduced differently.

Ours is y-protocols as it stands, with the token in the address. Hocuspocus puts the name of the document before every
message, wants a message with the token first, and answers edits with a status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bench.edits import var_bytes

_EMPTY_STATE_VECTOR = b"\x00"
_EMPTY_UPDATE = b"\x00\x00"
_SYNC, _AWARENESS, _AUTH, _SYNC_REPLY, _SYNC_STATUS, _SAVED = 0, 1, 2, 4, 8, 100
_STEP_1, _STEP_2, _UPDATE = 0, 1, 2
_ALLOWED = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A page and the token that admits to it."""

    page: str
    token: str


class Refused(Exception):
    """The server did not let a client in."""


class Dialect(Protocol):
    """One server's way of talking.

    Attributes:
        subprotocol: What to ask for in the handshake.
        acknowledgement: Type of the message that acknowledges edits.
        acknowledges_total: Whether an acknowledgement says how many messages were taken in all, not "one more".
        acknowledged_before_edits: How many acknowledgements joining itself brings.
    """

    subprotocol: str | None
    acknowledgement: int
    acknowledges_total: bool
    acknowledged_before_edits: int

    def path(self, place: Place) -> str:
        """What to ask for in the handshake."""

    def prefix(self, place: Place) -> bytes:
        """What stands before every message, in both directions."""

    def greeting(self, place: Place) -> list[bytes]:
        """What to send when the connection is open."""

    def reply(self, place: Place, payload: bytes) -> tuple[list[bytes], bool]:
        """What to answer while joining, and whether this was the page's content, which ends joining."""


class Ours:
    """This project, asked for everything it gives a browser: acknowledgements after the commit, and notices."""

    subprotocol: str | None = "collab.v1"
    acknowledgement = _SAVED
    acknowledges_total = True
    acknowledged_before_edits = 2

    def path(self, place: Place) -> str:
        return f"/ws/pages/{place.page}?token={place.token}&name=Alice"

    def prefix(self, place: Place) -> bytes:
        return b""

    def greeting(self, place: Place) -> list[bytes]:
        return [bytes((_SYNC, _STEP_1)) + var_bytes(_EMPTY_STATE_VECTOR)]

    def reply(self, place: Place, payload: bytes) -> tuple[list[bytes], bool]:
        return _sync_reply(payload)


class Hocuspocus:
    """Hocuspocus 4, as its provider speaks it without sessions."""

    subprotocol: str | None = None
    acknowledgement = _SYNC_STATUS
    acknowledges_total = False
    acknowledged_before_edits = 1

    def path(self, place: Place) -> str:
        return "/"

    def prefix(self, place: Place) -> bytes:
        return var_bytes(place.page.encode())

    def greeting(self, place: Place) -> list[bytes]:
        return [self.prefix(place) + bytes((_AUTH, 0)) + var_bytes(place.token.encode())]

    def reply(self, place: Place, payload: bytes) -> tuple[list[bytes], bool]:
        prefix = self.prefix(place)
        message = payload[len(prefix) :]
        if message[0] == _AUTH:
            if message[1] != _ALLOWED:
                raise Refused(message[2:].decode(errors="replace"))
            return [prefix + bytes((_SYNC, _STEP_1)) + var_bytes(_EMPTY_STATE_VECTOR)], False
        if message[0] == _SYNC_REPLY:
            message = bytes((_SYNC,)) + message[1:]
        answers, joined = _sync_reply(message)
        return [prefix + answer for answer in answers], joined


class Tutorial:
    """``bench.tutorial``: whatever is sent goes to everybody; nothing is asked and nothing acknowledged."""

    subprotocol: str | None = None
    acknowledgement = -1
    acknowledges_total = False
    acknowledged_before_edits = 0

    def path(self, place: Place) -> str:
        return f"/{place.page}"

    def prefix(self, place: Place) -> bytes:
        return b""

    def greeting(self, place: Place) -> list[bytes]:
        return []

    def reply(self, place: Place, payload: bytes) -> tuple[list[bytes], bool]:
        return [], True


def _sync_reply(message: bytes) -> tuple[list[bytes], bool]:
    if message[0] != _SYNC:
        return [], False
    if message[1] == _STEP_1:
        return [bytes((_SYNC, _STEP_2)) + var_bytes(_EMPTY_UPDATE)], False
    return [], message[1] == _STEP_2


def edit_message(update: bytes) -> bytes:
    """An update as it is sent, without the dialect's prefix."""
    return bytes((_SYNC, _UPDATE)) + var_bytes(update)


def awareness_message(payload: bytes) -> bytes:
    """Awareness as it is sent, without the dialect's prefix."""
    return bytes((_AWARENESS,)) + var_bytes(payload)
