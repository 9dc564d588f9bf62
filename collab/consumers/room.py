"""``/ws/rooms/<uuid>``: what concerns the whole room, as JSON text frames.

Every message is one envelope ``{"type", "id", "at", "data"}``; docs/protocol.md lists the types. A Channels consumer
without a channel layer: a layer that does not answer would end its connections, while ``live.rooms`` goes on without
other processes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from typing import Any
from uuid import UUID

from channels.generic.websocket import AsyncWebsocketConsumer
from django.utils import timezone

from collab import access, runtime
from collab.access import Grant
from collab.consumers.arrival import introduce
from collab.consumers.refusal import close_message, note_refusal
from collab.errors import CollabError, MalformedFrame, TooLarge, TroubleHere, UnknownPage
from collab.live.rooms import Ears
from collab.live.roster import Attendance
from collab.models import Page, Room

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 16 * 1024
PEOPLE_INTERVAL = 0.1
"""The list of people is sent at most once in this time, so that a class that comes at once does not cost n squared."""


class RoomConsumer(AsyncWebsocketConsumer):
    """One tab in one room."""

    channel_layer_alias = ""
    grant: Grant | None = None
    _telling: asyncio.Task[None] | None = None
    _rereading: asyncio.Task[None] | None = None
    _rereads_again = False
    _refusing: asyncio.Task[None] | None = None
    _ended = False

    async def connect(self) -> None:
        """Let somebody in and tell the others, or refuse."""
        await self.accept()
        self.runtime = runtime.current()
        room_id: UUID = self.scope["url_route"]["kwargs"]["room_id"]
        try:
            grant = await self._admit(room_id)
            introduce(self.scope, grant.identity.id)
            self.grant = grant
        except CollabError as error:
            self._refusing = asyncio.get_running_loop().create_task(self._refuse(error))
            return
        self.runtime.note_use(self.grant.unnoted_link_id)
        self.meter = self.runtime.settings.meter(self.runtime.clock.now())
        self.connection_id = secrets.token_hex(8)
        self.person = {**self.grant.identity.as_json(), "role": str(self.grant.role)}
        attendance = Attendance(person=self.person, since=timezone.now().isoformat())
        ears = Ears(people=self._people_changed, change=self._room_changed)
        self.runtime.rooms.enter(room_id, self.connection_id, attendance, ears)
        self.runtime.farewells.add(self.send_close)
        await self._tell(
            "hello", {"me": self.person, "role": str(self.grant.role), **self.runtime.rooms.people(room_id)}
        )

    async def disconnect(self, code: int) -> None:
        """Tell the others that somebody went."""
        for task in (self._telling, self._rereading, self._refusing):
            if task is not None:
                task.cancel()
        if self.grant is None:
            return
        self.runtime.farewells.discard(self.send_close)
        self.runtime.rooms.leave(self.grant.room_id, self.connection_id)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take one envelope from the client; what is none ends the connection."""
        if self.grant is None or self._ended:
            return
        try:
            pause = self.meter.charge(len(text_data or bytes_data or ""), self.runtime.clock.now())
            if pause is not None:
                # The next message is read when this one has been dealt with, which slows its sender down.
                await asyncio.sleep(pause)
            await self._take(*_opened(text_data))
        except CollabError as error:
            self._ended = True
            await self.send_close(error)

    async def _take(self, kind: str, data: dict[str, Any]) -> None:
        if self.grant is None:
            return
        if kind == "ping":
            await self._tell("pong", {})
        elif kind == "look":
            self.runtime.rooms.look(self.grant.room_id, self.connection_id, _page_id(data.get("page")))
        else:
            await self._tell("error", {"reason": "unknown-type"})

    # From the room

    def _people_changed(self) -> None:
        """Somebody came, went or turned to another page."""
        if self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._tell_people())

    def _room_changed(self) -> None:
        """A title, the pages or somebody's rights changed."""
        if self._rereading is None:
            self._rereading = asyncio.get_running_loop().create_task(self._tell_room())
        else:
            self._rereads_again = True

    # To the client

    async def _tell_people(self) -> None:
        await asyncio.sleep(PEOPLE_INTERVAL)
        self._telling = None
        if self.grant is None:
            return
        try:
            await self._tell("people", self.runtime.rooms.people(self.grant.room_id))
        except Exception as error:  # noqa: BLE001 - each server library raises its own
            # The client went meanwhile. This task is nobody's to wait for, so it says so itself.
            logger.debug("a client went before it heard who is in its room: %r", error)

    async def _tell_room(self) -> None:
        try:
            while self.grant is not None:
                self._rereads_again = False
                room = await self.runtime.store.ask(_describe, self.grant.room_id)
                if room is None:
                    await self.send_close(UnknownPage("the room is gone"))
                else:
                    await self._tell("room", room)
                if not self._rereads_again:
                    return
        except TroubleHere as error:
            logger.warning("a change of room %s could not be read: %s", self.scope["url_route"]["kwargs"], error)
        except Exception as error:  # noqa: BLE001 - each server library raises its own
            logger.debug("a client went before it heard of a change of its room: %r", error)
        finally:
            self._rereading = None

    async def _tell(self, kind: str, data: dict[str, Any]) -> None:
        envelope = {"type": kind, "id": secrets.token_hex(8), "at": timezone.now().isoformat(), "data": data}
        await self.send(text_data=json.dumps(envelope, ensure_ascii=False, separators=(",", ":")))

    async def send_close(self, error: CollabError) -> None:
        """End the connection and say why."""
        message = close_message(error)
        await self.close(code=message["code"], reason=message["reason"])

    # Admission

    async def _admit(self, room_id: UUID) -> Grant:
        try:
            return await self.runtime.store.ask(access.admit_scope_to_room, self.scope, room_id)
        except CollabError:
            raise
        except Exception as error:
            logger.exception("could not decide who may join room %s", room_id)
            raise TroubleHere("access could not be decided") from error

    async def _refuse(self, error: CollabError) -> None:
        """Hold the connection for a moment, because older clients come back at once; then close it."""
        note_refusal(error, self.scope, self.runtime)
        if error.close_code.is_final and self.runtime.held_refusals < self.runtime.settings.max_refused_held:
            self.runtime.held_refusals += 1
            try:
                await asyncio.sleep(self.runtime.settings.refused_hold)
            finally:
                self.runtime.held_refusals -= 1
        await self.send_close(error)


def _opened(text: str | None) -> tuple[str, dict[str, Any]]:
    """Type and data of an envelope.

    Raises:
        MalformedFrame: It is none.
        TooLarge: It is above the bound.
    """
    if text is None:
        raise MalformedFrame("a binary frame", offset=0)
    if len(text) > MAX_MESSAGE_BYTES:
        raise TooLarge(f"a message of {len(text)} characters")
    try:
        envelope = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedFrame("not JSON", offset=0) from error
    kind = envelope.get("type") if isinstance(envelope, dict) else None
    data = envelope.get("data", {}) if isinstance(envelope, dict) else None
    if not isinstance(kind, str) or not isinstance(data, dict):
        raise MalformedFrame("not an envelope", offset=0)
    return kind, data


def _page_id(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        raise MalformedFrame("page is not an id", offset=0) from None


def _describe(room_id: UUID) -> dict[str, Any] | None:
    """What everybody in a room may know about it."""
    room = Room.objects.filter(pk=room_id).values("title").first()
    if room is None:
        return None
    pages = (
        Page.objects.filter(room_id=room_id).order_by("position", "created_at").values("id", "kind", "title", "epoch")
    )
    return {"title": room["title"], "pages": [{**page, "id": str(page["id"])} for page in pages]}
