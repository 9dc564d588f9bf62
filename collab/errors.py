"""Every way a connection can end and every error that ends one.

    CollabError
    ├── MalformedFrame          4400  bytes that do not follow the wire format
    ├── ImpossibleUpdate        4400  well-formed, but no Yjs client could have made it
    ├── SignInNeeded            4401
    ├── NotAllowed              4403  may not join, or kept writing on a page it may only read
    ├── UnknownPage             4404  no such page, or one that must not be admitted to exist
    ├── PageReplaced            4409  the page has a new epoch: reload before editing
    ├── ClosedByModerator       4410
    ├── TooLarge                4413  a frame, an update or the page is above its bound
    ├── TooMany                 4429  sockets, frames or bytes above a rate
    ├── TroubleHere             4500  the page could not be loaded; try again
    ├── Restarting              4503  this process is stopping; try again
    └── TooSlow                 4508  the client does not read what it is sent

44xx ends the matter for a client, 45xx means try again (y-websocket 3.1 and our own provider follow this;
older clients retry whatever the code). Standard library only: every layer may import this module.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class CloseCode(IntEnum):
    """WebSocket close codes of the product."""

    GOING_AWAY = 1001
    MALFORMED = 4400
    SIGN_IN = 4401
    NOT_ALLOWED = 4403
    UNKNOWN = 4404
    REPLACED = 4409
    MODERATED = 4410
    TOO_LARGE = 4413
    TOO_MANY = 4429
    TROUBLE = 4500
    RESTARTING = 4503
    TOO_SLOW = 4508

    @property
    def is_final(self) -> bool:
        """Whether a client should not try again by itself."""
        return 4400 <= self < 4500


class CollabError(Exception):
    """Anything that ends a connection or refuses a request.

    Attributes:
        close_code: What the WebSocket is closed with.
        reason: A short machine-readable word sent as the close reason; people are shown a sentence made from it.
    """

    close_code: ClassVar[CloseCode] = CloseCode.TROUBLE
    reason: ClassVar[str] = "trouble"


class MalformedFrame(CollabError):
    """A frame does not follow the Yjs wire format.

    Attributes:
        offset: Index of the first byte that could not be read.
    """

    close_code = CloseCode.MALFORMED
    reason = "malformed"

    def __init__(self, problem: str, *, offset: int) -> None:
        super().__init__(f"{problem} at byte {offset}")
        self.offset = offset


class ImpossibleUpdate(CollabError):
    """An update is well-formed but contradicts the page, so that a Yjs client would fail on it."""

    close_code = CloseCode.MALFORMED
    reason = "impossible"


class SignInNeeded(CollabError):
    """The page is open to people who are signed in."""

    close_code = CloseCode.SIGN_IN
    reason = "sign-in"


class NotAllowed(CollabError):
    """The person may not join, or went on writing on a page that is read-only for them."""

    close_code = CloseCode.NOT_ALLOWED
    reason = "not-allowed"


class UnknownPage(CollabError):
    """There is no such page, or the person must not learn that there is."""

    close_code = CloseCode.UNKNOWN
    reason = "unknown"


class PageReplaced(CollabError):
    """The page was replaced since the client loaded it; edits to the old one cannot be merged."""

    close_code = CloseCode.REPLACED
    reason = "replaced"


class ClosedByModerator(CollabError):
    """Somebody with the right to do so ended this connection."""

    close_code = CloseCode.MODERATED
    reason = "moderated"


class TooLarge(CollabError):
    """A frame, an update or a page is above its bound."""

    close_code = CloseCode.TOO_LARGE
    reason = "too-large"


class TooMany(CollabError):
    """More sockets, frames or bytes than the limits allow."""

    close_code = CloseCode.TOO_MANY
    reason = "too-many"


class TroubleHere(CollabError):
    """Something on this side failed; the client should try again."""


class Restarting(CollabError):
    """This process is stopping; another one, or this one in a moment, takes over."""

    close_code = CloseCode.RESTARTING
    reason = "restarting"


class TooSlow(CollabError):
    """The client does not read what it is sent."""

    close_code = CloseCode.TOO_SLOW
    reason = "too-slow"
