"""Whether running servers serve what the log of a page says, and the log holds what they serve.

An edit reaches the log a moment after a server shows it, and another server a moment after that. So neither side is
asked to be equal to the other at one instant: what was in the log *before* the visit must be in what the server sends
during it, and what was sent must get into the log; each has some seconds for it, while further edits come.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.utils import timezone

from collab.errors import TroubleHere, UnknownPage
from collab.live.ports import StoreDown, StoredPage
from collab.management.live_page import LivePage, NotReached, NotServed, checked_server, visit
from collab.models import Page, Role, ShareLink
from collab.rooms import create_link
from collab.storage.log import heads, load_page
from collab.storage.verify import Verifier

PATIENCE = 10.0
"""How long an edit may be on its way between a server and the log."""

FIRST_PAUSE = 0.1
"""Before it is looked again; doubled each time."""

REPLACEMENTS = 3
"""How often a page may be replaced while it is compared."""

LINK_LASTS = timedelta(minutes=10)
"""For the case that this process is killed and cannot delete its link."""


@dataclass(slots=True)
class LiveReport:
    """What came of asking the servers about one page.

    Attributes:
        compared: The servers whose page was compared.
        problems: Differences.
        errors: Why others could not be asked.
    """

    compared: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class _Replaced(NotServed):
    """The page has another epoch now than the log that it was to be compared with."""


class LiveCheck:
    """Asks servers for pages.

    Args:
        verifier: Reads the log and compares, in its thread and its worker process.
        servers: Their addresses, as people type them.
        max_bytes: The most that is taken from a server for one page.
        patience: Seconds that an edit may be on its way.
    """

    def __init__(
        self, verifier: Verifier, servers: Sequence[str], *, max_bytes: int, patience: float = PATIENCE
    ) -> None:
        self._verifier = verifier
        self._servers = servers
        self._max_bytes = max_bytes
        self._patience = patience
        self._unreached: set[str] = set()

    async def check(self, page_id: UUID) -> LiveReport:
        """Compare one page with what every server holds of it. A server that was not reached is not tried again.

        Raises:
            UnknownPage: There is none, or not any more.
            StoreDown: The database does not answer.
        """
        report = LiveReport()
        for server in self._servers:
            if server in self._unreached:
                report.errors.append(f"{server}: not asked, it could not be reached before")
                continue
            try:
                problems = await self._compare(server, page_id)
            except NotServed as error:
                if isinstance(error, NotReached):
                    self._unreached.add(server)
                report.errors.append(f"{server}: {error}")
            else:
                report.compared.append(server)
                report.problems.extend(f"{server}: {problem}" for problem in problems)
        return report

    async def _compare(self, server: str, page_id: UUID) -> list[str]:
        for _ in range(REPLACEMENTS):
            before = await self._verifier.ask(load_page, page_id)
            try:
                return await self._compare_with(server, before)
            except NotReached:
                raise
            except NotServed:
                # Perhaps because the page was deleted or replaced meanwhile.
                if not await self._is_replaced(before):
                    raise
        raise NotServed("the page was replaced again and again")

    async def _compare_with(self, server: str, before: StoredPage) -> list[str]:
        logged = [update for number, update in enumerate(before.updates) if number not in before.damaged]
        async with (
            temporary_token(self._verifier, before.page_id) as token,
            visit(checked_server(server), before.page_id, token, max_bytes=self._max_bytes) as live,
        ):
            unserved = await self._until_nothing(lambda: self._unserved(logged, live))
            served, epoch = list(live.updates), live.epoch
        unlogged = await self._until_nothing(lambda: self._unlogged(served, before))
        if not (unserved or unlogged or epoch not in (None, before.epoch)):
            return []
        if await self._is_replaced(before):
            raise _Replaced("the page was replaced")
        problems = []
        if epoch not in (None, before.epoch):
            problems.append(f"it serves epoch {epoch} of the page, the log is of epoch {before.epoch}")
        if unserved:
            problems.append(f"it does not serve what the log says: {unserved}")
        if unlogged:
            problems.append(f"it serves what the log does not say: {unlogged}")
        return problems

    async def _unserved(self, logged: Sequence[bytes], live: LivePage) -> str:
        difference = await self._verifier.missing(logged, list(live.updates))
        if difference and live.ended:
            raise NotServed(live.ended)
        return difference

    async def _unlogged(self, served: Sequence[bytes], before: StoredPage) -> str:
        try:
            after = await self._verifier.ask(load_page, before.page_id)
        except StoreDown:
            raise
        except TroubleHere as error:
            return str(error)
        if after.epoch != before.epoch:
            raise _Replaced("the page was replaced")
        logged = [update for number, update in enumerate(after.updates) if number not in after.damaged]
        return await self._verifier.missing(served, logged)

    async def _until_nothing(self, difference: Callable[[], Awaitable[str]]) -> str:
        """The difference that is still there when patience ends."""
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + self._patience, FIRST_PAUSE
        while (found := await difference()) and (left := deadline - loop.time()) > 0:
            await asyncio.sleep(min(pause, left))
            pause *= 2
        return found

    async def _is_replaced(self, before: StoredPage) -> bool:
        found = await self._verifier.ask(heads, [before.page_id])
        if before.page_id not in found:
            raise UnknownPage(str(before.page_id))
        return found[before.page_id][0] != before.epoch


@contextlib.asynccontextmanager
async def temporary_token(verifier: Verifier, page_id: UUID) -> AsyncIterator[str]:
    """The token of a share link that lets its holder look at the page; the link is gone afterwards.

    Raises:
        UnknownPage: There is no such page.
        NotServed: No link can be made.
    """
    # The thread does one thing after the other: the link is deleted even if this is cancelled while it is being made.
    label = f"verify_pages {uuid4()}"
    try:
        yield await verifier.ask(_make_link, page_id, label)
    finally:
        await verifier.ask(_delete_link, label)


def _make_link(page_id: UUID, label: str) -> str:
    page = Page.objects.select_related("room").filter(pk=page_id).first()
    if page is None:
        raise UnknownPage(str(page_id))
    try:
        return create_link(page.room, Role.VIEWER, label=label, expires_at=timezone.now() + LINK_LASTS)[1]
    except ValidationError as error:
        raise NotServed(f"no link to join with can be made. {' '.join(error.messages)}") from None


def _delete_link(label: str) -> None:
    ShareLink.objects.filter(label=label).delete()
