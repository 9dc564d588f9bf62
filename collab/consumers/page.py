"""``/ws/pages/<uuid>``: one client on one page, in the Yjs protocol.

A Channels consumer in the usual router, which runs its own receive loop: the stock dispatch hops to a thread before
every message, which costs more than everything else on the way of an edit.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from uuid import UUID

from channels.consumer import AsyncConsumer

from collab import access, runtime
from collab.consumers.arrival import introduce
from collab.consumers.refusal import Receive, Send, close_message, refuse
from collab.errors import CollabError, MalformedFrame, TroubleHere
from collab.live.page import Page
from collab.live.peer import Peer, Rights

logger = logging.getLogger(__name__)

SUBPROTOCOL = "collab.v1"
SHORT_WAY = "collab.write"
"""Extension of the scope: a function that writes one message at once, where the server has one (``manage.py up``)."""


class PageConsumer(AsyncConsumer):
    """Translates between ASGI messages and a page's peer."""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection from handshake to end."""
        await receive()
        self.send_raw = send
        extended = SUBPROTOCOL in scope.get("subprotocols", [])
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if extended else None})
        self.runtime = runtime.current()
        try:
            page, peer = await self._join(scope, extended=extended)
        except CollabError as error:
            await refuse(error, scope=scope, runtime=self.runtime, receive=receive, send=send, heeds_codes=extended)
            return
        try:
            ended_by = await self._serve(page, peer, receive)
        finally:
            self.runtime.hub.leave(page, peer)
        if ended_by is not None:
            # A stock client would be back at once with the same edit; it is off the page, but not yet told so.
            await refuse(ended_by, scope=scope, runtime=self.runtime, receive=receive, send=send)

    async def _join(self, scope: dict[str, Any], *, extended: bool) -> tuple[Page, Peer]:
        page_id: UUID = scope["url_route"]["kwargs"]["page_id"]
        try:
            grant = await self.runtime.store.ask(access.admit_scope_to_page, scope, page_id)
        except CollabError:
            raise
        except Exception as error:
            # The database does not answer: the client should try again, and nobody gets in unasked.
            logger.exception("could not decide who may join page %s", page_id)
            raise TroubleHere("access could not be decided") from error
        introduce(scope, grant.identity.id)
        self.runtime.note_use(grant.unnoted_link_id)
        peer = Peer(
            rights=Rights(
                user={**grant.identity.as_json(), "role": str(grant.role)},
                can_edit=grant.can_edit,
                lasting=grant.identity.lasts,
            ),
            send=self._send_frame,
            write=scope.get("extensions", {}).get(SHORT_WAY),
            close=self._close,
            extended=extended,
            clock=self.runtime.clock,
            limits=self.runtime.settings,
        )
        try:
            return await self.runtime.hub.join(page_id, peer), peer
        except CollabError:
            raise
        except Exception as error:
            logger.exception("could not open page %s", page_id)
            raise TroubleHere("the page could not be opened") from error

    async def _serve(self, page: Page, peer: Peer, receive: Receive) -> type[CollabError] | None:
        """Pass frames to the page until the connection ends or the page refuses one.

        Returns:
            Why a stock client must be let go; None when the connection has ended or been closed. The class alone: the
            error holds the frame, which must not stay in memory while its sender is held.
        """
        while (message := await receive())["type"] == "websocket.receive":
            if peer.closed:
                continue
            error = await self._pass_on(page, peer, message.get("bytes"))
            if error is None:
                continue
            if not peer.extended:
                return type(error)
            await peer.close(error)
        return None

    async def _pass_on(self, page: Page, peer: Peer, frame: bytes | None) -> CollabError | None:
        """Give the page one frame; returns why the connection must end, if it must."""
        try:
            if frame is None:
                raise MalformedFrame("a text frame", offset=0)
            await page.receive(peer, frame)
        except CollabError as error:
            logger.info("page %s: connection closed: %s", page.page_id, error)
            return error
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("page %s: a frame could not be handled", page.page_id)
            return TroubleHere("a fault of ours")
        return None

    async def _send_frame(self, frame: bytes) -> None:
        await self.send_raw({"type": "websocket.send", "bytes": frame})

    async def _close(self, error: CollabError) -> None:
        await self.send_raw(close_message(error))
