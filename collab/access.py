"""The one answer to "may this person do that", for views, API, admin and sockets alike.

A person has a role in a room by being a member (accounts), by a share link that this browser followed (kept in the
session as the link's id, never its token), or by a token given with the request (clients outside a browser). The
strongest one counts. Nothing is remembered between calls: memberships and links are read again every time, so that
what was revoked or has expired opens nothing. Being staff opens nothing either: the admin shows what a room *is*, not
what is written in it.

Refusal is uniform: a room or page that does not exist and one that may not be seen are the same ``UnknownPage``.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from collections.abc import Collection, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from collab.errors import NotAllowed, UnknownPage
from collab.models import Membership, Page, Profile, Role, Room, ShareLink
from collab.names import clean_name, guest_name
from collab.prepared import Prepared
from collab.tokens import hash_token

logger = logging.getLogger(__name__)

PALETTE = (
    "#d6312b",
    "#2f6fe0",
    "#2b8540",
    "#974fc9",
    "#c2500a",
    "#0b8074",
    "#cf2f83",
    "#6459d9",
    "#966600",
    "#0c7ba0",
    "#647a12",
    "#8d6548",
)
"""Cursor colours. The design system has the same twelve."""

MAX_LINKS_IN_SESSION = 100
"""How many rooms one session remembers links for. Beyond it the one followed longest ago is forgotten."""

_LINKS = "collab_links"
_GUEST = "collab_guest"
_NAME = "collab_name"
_LAST_USED_STEP = timedelta(minutes=1)
_GUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,40}")
_GUEST_ID_CHARS = 12
"""72 random bits."""

User = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, as others see them. The server's word: clients cannot choose ``id`` or ``color``.

    Attributes:
        id: ``u:<account>`` or ``g:<guest>``, the same in all tabs of one person.
        name: Cleaned, 1 to 60 characters.
        color: One of ``PALETTE``, always the same for the same ``id``.
        user_id: The account, or None for a guest.
        lasts: Whether ``id`` will be the same on the next connection; a guest without a session is somebody new.
    """

    id: str
    name: str
    color: str
    user_id: int | None
    lasts: bool = True

    @property
    def is_guest(self) -> bool:
        return self.user_id is None

    def as_json(self) -> dict[str, Any]:
        """What browsers are told."""
        return {"id": self.id, "name": self.name, "color": self.color, "guest": self.is_guest}


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer to "may this person join": who they are and what they may do.

    Attributes:
        page_id: The page that was asked for, or None when it was the room.
        link_id: The share link that the role comes from, or None when it comes from a membership.
        unnoted_link_id: The link whose token was given and whose use is to be noted with ``note_use``, if there is one.
    """

    identity: Identity
    room_id: UUID
    role: Role
    page_id: UUID | None = None
    page_kind: str | None = None
    link_id: UUID | None = None
    unnoted_link_id: UUID | None = None

    @property
    def can_edit(self) -> bool:
        """Change what is on a page, and put images there."""
        return self.role.covers(Role.EDITOR)

    @property
    def can_comment(self) -> bool:
        return self.role.covers(Role.COMMENTER)

    @property
    def can_rename(self) -> bool:
        """Change the titles of the room and its pages."""
        return self.role.covers(Role.EDITOR)

    @property
    def can_share(self) -> bool:
        """Make and revoke links, change roles."""
        return self.role is Role.OWNER

    def require(self, permitted: bool) -> None:
        """Refuse unless one of the properties above says yes.

        Raises:
            NotAllowed: The role does not permit it.
        """
        if not permitted:
            raise NotAllowed(f"{self.role.value} may not do that")


# Joining


def admit_to_room(
    *, user: User, session: Mapping[str, Any] | None, room_id: UUID, token: str | None = None, name: str | None = None
) -> Grant:
    """Decide whether somebody may join a room.

    Args:
        user: The account of the request or socket, or the anonymous one.
        session: The browser's session; None or an empty one for clients outside a browser.
        room_id: Which room.
        token: A share link's token given with the request itself.
        name: The name a client outside a browser asks to be shown by; accounts and sessions have their own.

    Raises:
        UnknownPage: There is no such room, or this person must not learn that there is.
    """
    role, link_id, unnoted = _role_in(room_id, user=user, session=session, token=token)
    return Grant(
        identity=identify(user=user, session=session, name=name),
        room_id=room_id,
        role=role,
        link_id=link_id,
        unnoted_link_id=unnoted,
    )


def admit_to_page(
    *, user: User, session: Mapping[str, Any] | None, page_id: UUID, token: str | None = None, name: str | None = None
) -> Grant:
    """Decide whether somebody may join a page. The arguments are those of ``admit_to_room``.

    Raises:
        UnknownPage: There is no such page, or this person must not learn that there is.
    """
    page = next(iter(_page_rows.rows(page_id)), None)
    # A page that is missing is looked for as thoroughly as a forbidden one: answers must not differ, nor the time they
    # take, nor what is read on the way (a session that was read shows as "Vary: Cookie").
    role, link_id, unnoted = _role_in(page[0] if page else page_id, user=user, session=session, token=token)
    if page is None:
        raise UnknownPage("no such page, or not for this person")
    return Grant(
        identity=identify(user=user, session=session, name=name),
        room_id=page[0],
        role=role,
        page_id=page_id,
        page_kind=page[1],
        link_id=link_id,
        unnoted_link_id=unnoted,
    )


def admit_scope_to_room(scope: Mapping[str, Any], room_id: UUID) -> Grant:
    """``admit_to_room`` for an ASGI scope. Uses the database: call it in a thread."""
    token, name = _query_of(scope)
    return admit_to_room(user=_user_of(scope), session=scope.get("session"), room_id=room_id, token=token, name=name)


def admit_scope_to_page(scope: Mapping[str, Any], page_id: UUID) -> Grant:
    """``admit_to_page`` for an ASGI scope. Uses the database: call it in a thread."""
    token, name = _query_of(scope)
    return admit_to_page(user=_user_of(scope), session=scope.get("session"), page_id=page_id, token=token, name=name)


def _query_of(scope: Mapping[str, Any]) -> tuple[str | None, str | None]:
    try:
        query = parse_qs(scope.get("query_string", b"").decode("utf-8"), max_num_fields=20)
    except ValueError:
        return None, None
    return query.get("token", [None])[0], query.get("name", [None])[0]


def _user_of(scope: Mapping[str, Any]) -> User:
    """The account that is signed in with the session of a scope, checked as Django checks it for a request."""
    session = scope.get("session")
    user: User = AnonymousUser() if session is None else get_user(_Asking(session))  # type: ignore[arg-type]
    return user


class _Asking:
    """As much of a request as ``django.contrib.auth.get_user`` reads. Its session is not changed.

    Django would give a session that an older secret key vouches for a new key: a socket has no cookie to send it with,
    and the browser would be signed out.
    """

    def __init__(self, session: Mapping[str, Any]) -> None:
        self.session = self
        self._held = session

    def __getitem__(self, key: str) -> Any:
        return self._held[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self._held.get(key, default)

    def __setitem__(self, key: str, value: Any) -> None: ...

    def cycle_key(self) -> None: ...

    def flush(self) -> None: ...


# Roles


def _role_in(
    room_id: UUID, *, user: User, session: Mapping[str, Any] | None, token: str | None
) -> tuple[Role, UUID | None, UUID | None]:
    """The strongest role, the link it comes from, and the link whose use is to be noted."""
    best: tuple[Role, UUID | None] | None = None
    unnoted: UUID | None = None
    if user.is_authenticated:
        member = Membership.objects.filter(room_id=room_id, user_id=user.pk, user__is_active=True).only("role").first()
        if member is not None:
            best = Role(member.role), None
    for link_id, role, to_note in _links_of(room_id, session=session, token=token):
        if best is None or not best[0].covers(role):
            best = role, link_id
        if to_note:
            unnoted = link_id
    if best is None:
        raise UnknownPage("no such room, or not for this person")
    return *best, unnoted


def _links_of(
    room_id: UUID, *, session: Mapping[str, Any] | None, token: str | None
) -> Iterator[tuple[UUID, Role, bool]]:
    """The links to this room that the session or the token gives, as far as they are still good.

    Yields:
        Key, role, and whether its token was given now for the first time since a minute.
    """
    held = link_ids(session).get(room_id)
    given = hash_token(token) if token else None
    if held is None and given is None:
        return
    now = timezone.now()
    for link_id, role, token_hash, last_used_at in _link_rows.rows(room_id, held, given, now):
        yield link_id, Role(role), token_hash == given and _is_due(last_used_at, now)


def _good_links(now: datetime) -> Any:
    return ShareLink.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)


# What everybody who joins is asked for, written once: building these queries took half of the time that a join takes.

_page_rows = Prepared(
    lambda page_id: Page.objects.filter(pk=page_id).values_list("room_id", "kind"),
    (Page._meta.pk, UUID(int=1)),
)
_link_rows = Prepared(
    lambda room_id, held, given, now: (
        _good_links(now)
        .filter(Q(pk=held) | Q(token_hash=given), room_id=room_id)
        .values_list("pk", "role", "token_hash", "last_used_at")
    ),
    (Room._meta.pk, UUID(int=1)),
    (ShareLink._meta.pk, UUID(int=2)),
    (ShareLink._meta.get_field("token_hash"), "the hash"),
    (ShareLink._meta.get_field("expires_at"), datetime(2000, 1, 1, tzinfo=UTC)),
)


def _is_due(last_used_at: datetime | None, now: datetime) -> bool:
    return last_used_at is None or now - last_used_at > _LAST_USED_STEP


def note_use(link_id: UUID) -> None:
    """Remember that a link was used just now. Apart from ``admit_to_...``: nobody waits for it or is refused by it."""
    try:
        ShareLink.objects.filter(pk=link_id).update(last_used_at=timezone.now())
    except DatabaseError as error:
        logger.warning("could not note the use of link %s: %s", link_id, error)


def link_ids(session: Mapping[str, Any] | None) -> dict[UUID, UUID]:
    """The share links that a session holds: room id to link id. Whatever does not look like that is left out."""
    held = session.get(_LINKS) if session else None
    ids: dict[UUID, UUID] = {}
    for room_id, link_id in held.items() if isinstance(held, dict) else ():
        try:
            ids[UUID(room_id)] = UUID(link_id)
        except (ValueError, TypeError, AttributeError):
            continue
    return ids


def roles_in(room_ids: Collection[UUID], *, user: User, session: Mapping[str, Any] | None) -> dict[UUID, Role]:
    """Somebody's role in each of these rooms, for lists; rooms they may not open are left out."""
    roles: dict[UUID, Role] = {}
    if user.is_authenticated:
        mine = Membership.objects.filter(user_id=user.pk, user__is_active=True, room_id__in=room_ids)
        roles = {room_id: Role(role) for room_id, role in mine.values_list("room_id", "role")}
    held = {room_id: link_id for room_id, link_id in link_ids(session).items() if room_id in room_ids}
    if held:
        good = _good_links(timezone.now()).filter(pk__in=list(held.values()))
        for link_id, room_id, role in good.values_list("pk", "room_id", "role"):
            if held.get(room_id) == link_id and (room_id not in roles or not roles[room_id].covers(Role(role))):
                roles[room_id] = Role(role)
    return roles


def rooms_of(user: User, session: Mapping[str, Any] | None) -> Q:
    """A filter on ``Room`` for what somebody may open: their memberships and the good links of their session."""
    mine = Q(pk__in=[])
    if user.is_authenticated:
        mine |= Q(pk__in=Membership.objects.filter(user_id=user.pk, user__is_active=True).values("room_id"))
    held = link_ids(session)
    if held:
        good = _good_links(timezone.now()).filter(pk__in=list(held.values()), room_id__in=list(held))
        mine |= Q(pk__in=good.values("room_id"))
    return mine


# Share links


def redeem_link(session: MutableMapping[str, Any], token: str) -> Room:
    """Keep a share link in the session, so that this browser may open its room from now on.

    A link that grants less never takes away what one followed earlier still grants.

    Raises:
        UnknownPage: There is no such link, or it has expired or was revoked.
    """
    now = timezone.now()
    link = _good_links(now).select_related("room").filter(token_hash=hash_token(token)).first()
    if link is None:
        raise UnknownPage("no such link, or not any more")
    if _is_due(link.last_used_at, now):
        note_use(link.pk)
    held = link_ids(session)
    kept = _good_links(now).filter(pk=held.get(link.room_id), room_id=link.room_id).first()
    if kept is None or not Role(kept.role).covers(Role(link.role)):
        held.pop(link.room_id, None)
        held[link.room_id] = link.pk
        newest = list(held.items())[-MAX_LINKS_IN_SESSION:]
        session[_LINKS] = {str(room_id): str(link_id) for room_id, link_id in newest}
    _ensure_guest(session)
    room: Room = link.room
    return room


# Who somebody is


def identify(*, user: User, session: Mapping[str, Any] | None, name: str | None = None) -> Identity:
    """Who somebody is to others. Reads only; a guest without a session is somebody new each time."""
    if user.is_authenticated:
        identity_id = f"u:{user.pk}"
        profile_name = Profile.objects.filter(pk=user.pk).values_list("name", flat=True).first()
        shown = clean_name(profile_name) or clean_name(_full_name(user)) or clean_name(user.get_username()[:60])
        return Identity(id=identity_id, name=shown or identity_id, color=color_of(identity_id), user_id=user.pk)
    guest = session.get(_GUEST) if session else None
    lasts = isinstance(guest, str) and _GUEST_ID.fullmatch(guest) is not None
    if not lasts:
        guest = _new_guest_id()
    kept = session.get(_NAME) if session else None
    identity_id = f"g:{guest}"
    shown = clean_name(kept) or clean_name(name) or guest_name()
    return Identity(id=identity_id, name=shown, color=color_of(identity_id), user_id=None, lasts=lasts)


def color_of(identity_id: str) -> str:
    """The colour of a person: the same on every process, and another for the next account and the next guest."""
    kind, _, own = identity_id.partition(":")
    number = int(own) if kind == "u" and own.isdecimal() else hashlib.sha256(identity_id.encode()).digest()[0]
    return PALETTE[number % len(PALETTE)]


def remember_name(session: MutableMapping[str, Any], user: User, name: object) -> str:
    """Show somebody by this name from now on: in their profile, or for a guest in their session.

    Returns:
        The name as it is shown.

    Raises:
        ValueError: Nothing visible is left of the name, or it is too long.
    """
    cleaned = clean_name(name)
    if cleaned is None:
        raise ValueError("not a name that can be shown")
    if user.is_authenticated:
        Profile.objects.update_or_create(pk=user.pk, defaults={"name": cleaned})
    else:
        _ensure_guest(session)
        session[_NAME] = cleaned
    return cleaned


def _ensure_guest(session: MutableMapping[str, Any]) -> None:
    """Give a session a guest identity once, so that all its tabs are one person."""
    if not isinstance(session.get(_GUEST), str):
        session[_GUEST] = _new_guest_id()
    if clean_name(session.get(_NAME)) is None:
        session[_NAME] = guest_name()


_guest_colors = cycle(PALETTE)


def _new_guest_id() -> str:
    """An id whose colour is the one after that of the guest before: people who come together are told apart."""
    color = next(_guest_colors)
    while True:
        # Asking the system for random bytes lets other threads go first, every time: ask once for some sixty attempts.
        drawn = secrets.token_urlsafe(54)
        for start in range(len(drawn) - _GUEST_ID_CHARS + 1):
            guest = drawn[start : start + _GUEST_ID_CHARS]
            if color_of(f"g:{guest}") == color:
                return guest


def _full_name(user: AbstractBaseUser) -> str:
    full_name = getattr(user, "get_full_name", None)
    return full_name() if callable(full_name) else ""
