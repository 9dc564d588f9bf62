"""The oracle of the torture suite: who wrote what, what was acknowledged, and whether everybody agrees in the end."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from pycrdt import Array, Doc, Map, Text, TransactionEvent, XmlElement, XmlFragment, XmlText, create_update_message

from collab.crdt.merge import merge
from collab.wire import decode_state_vector
from tests.clients.drive import PythonClient, Room, State, StockClient, state_of, until

Replica = PythonClient | StockClient


@dataclass(slots=True)
class _Written:
    token: str
    number: int | None
    """Which sync message of the present connection carries it; none while it is only here."""


class Author(PythonClient):
    """A ``collab.v1`` client that writes tokens and notes which of them were acknowledged.

    Attributes:
        written: Every token, oldest first.
        acknowledged: The tokens that the server said are durable.
        latencies: Seconds from writing to the acknowledgement, of edits written while connected.
    """

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url, extended=True)
        self.name = name
        self.written: list[str] = []
        self.acknowledged: set[str] = set()
        self.latencies: list[float] = []
        self._open: list[_Written] = []
        self._began: dict[str, float] = {}
        self._token: str | None = None

    def put(self, *, rng: random.Random | None = None) -> str:
        """Write one token, as one edit in every kind of shared type; it goes out when the event loop turns."""
        token = f"{self.name}.{len(self.written)}"
        self.written.append(token)
        self._token = token
        self._began[token] = asyncio.get_running_loop().time()
        self._open.append(_Written(token, None))
        text = self.doc.get("text", type=Text)
        elements = self.doc.get("array", type=Array)
        with self.doc.transaction():
            at = len(text)
            if rng is not None and at and rng.random() < 0.3:
                # Between two tokens, which end with a space; counted in bytes, as pycrdt does, of ASCII text.
                at = str(text).rfind(" ", 0, rng.randrange(at) + 1) + 1
            text.insert(at, f"{token} ")
            self.doc.get("map", type=Map)[token] = token
            elements.insert(len(elements) if rng is None else rng.randrange(len(elements) + 1), Map({"token": token}))
            paragraph = XmlElement("paragraph", {"token": token}, [XmlText(token)])
            self.doc.get("xml", type=XmlFragment).children.append(paragraph)
        self._token = None
        return token

    @property
    def unacknowledged(self) -> list[str]:
        """What it has written and not heard about."""
        return [written.token for written in self._open]

    def _changed(self, event: TransactionEvent) -> None:
        if not self._hears or self._socket is None:
            return
        task = asyncio.get_running_loop().create_task(self._send_edit(create_update_message(event.update), self._token))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send_edit(self, message: bytes, token: str | None) -> None:
        if self._socket is not None:
            number = self.sent + 1
            for written in self._open:
                if written.token == token:
                    written.number = number
        await self._send(message)

    async def _send(self, message: bytes) -> None:
        if message[:2] == b"\x00\x01" and self._socket is not None:
            # The answer to the server's question holds everything that was not sent on this connection before.
            for written in self._open:
                written.number = written.number or self.sent + 1
        await super()._send(message)

    async def _visit(self) -> None:
        for written in self._open:
            written.number = None
            self._began.pop(written.token, None)
        await super()._visit()

    async def _take(self, frame: bytes) -> None:
        before = self.saved
        await super()._take(frame)
        if self.saved > before:
            self._settle()

    def _settle(self) -> None:
        now = asyncio.get_running_loop().time()
        still_open = []
        for written in self._open:
            if written.number is None or written.number > self.saved:
                still_open.append(written)
                continue
            self.acknowledged.add(written.token)
            began = self._began.pop(written.token, None)
            if began is not None:
                self.latencies.append(now - began)
        self._open = still_open


def replayed(room: Room, page: str = "board") -> Doc:
    """What somebody would have who had nothing but the database: the log, and what of it has been folded."""
    doc: Doc = Doc()
    statement = "SELECT payload FROM collab_pagesnapshot WHERE page_id = ? ORDER BY epoch DESC, seq DESC LIMIT 1"
    # Rows first: a fold between the two questions shows as rows that are there twice, never as rows that are missing.
    rows = room.log(page)
    folded = [bytes(payload) for (payload,) in room.server.query(statement, UUID(room.pages[page]).hex)]
    if folded or rows:
        doc.apply_update(merge([*folded, *rows]))
    return doc


def check_acknowledged(room: Room, authors: Iterable[Author], page: str = "board") -> int:
    """What was acknowledged is in the log, which is all that a killed server leaves; returns how much it was."""
    promised = {token for author in authors for token in author.acknowledged}
    kept = {token for token in state_of(replayed(room, page))["map"] if token != "latest"}
    assert not promised - kept, f"acknowledged and not in the log: {sorted(promised - kept)[:20]}"
    return len(promised)


def misplaced(state: State, tokens: Iterable[str]) -> dict[str, list[int]]:
    """Tokens that are not exactly once in every kind of shared type, with how often they are in each."""
    text = Counter("".join(chunk for chunk, _ in state["text"] if isinstance(chunk, str)).split())
    elements = Counter(element.get("token") for element in state["array"] if isinstance(element, dict))
    nodes = Counter(attributes.get("token") for _, attributes, _ in state["xml"])
    values = Counter(value for key, value in state["map"].items() if key != "latest")
    counts = {token: [place[token] for place in (text, elements, nodes, values)] for token in tokens}
    return {token: count for token, count in counts.items() if count != [1, 1, 1, 1]}


async def settled(authors: Sequence[Author], *, within: float = 30.0) -> None:
    """Wait until every author has heard that everything is durable."""

    def everything() -> bool:
        return all(not author.unacknowledged and author.all_saved for author in authors)

    try:
        await until(everything, what="everything was acknowledged", within=within)
    except TimeoutError as error:
        details = {author.name: (author.unacknowledged[:3], author.sent, author.saved) for author in authors}
        raise TimeoutError(f"{error}: {details}, notices {[author.notices[-3:] for author in authors][:3]}") from None


async def nothing_is_lost(
    room: Room, authors: Sequence[Author], *, others: Sequence[Replica] = (), page: str = "board", within: float = 30.0
) -> int:
    """The end of every test: everybody agrees, and every token is there exactly once; returns how many there are.

    The replicas are the authors, the others, a newcomer who has nothing but what the server gives, and a replay of the
    log. They must have equal state vectors and equal content.
    """
    await settled(authors, within=within)
    tokens = [token for author in authors for token in author.written]
    async with PythonClient(room.url(page)) as newcomer:
        replicas: list[Replica] = [*authors, *others, newcomer]
        vectors: list[dict[int, int]] = []
        contents: list[str] = []

        async def agree() -> bool:
            contents.clear()
            log = replayed(room, page)
            vectors[:] = [decode_state_vector(log.get_state()), *[await _vector(replica) for replica in replicas]]
            if any(vector != vectors[0] for vector in vectors):
                return False
            # Whole documents as text: only once the cheap comparison holds, and with room for what else there is to do.
            contents.append(canonical(state_of(log)))
            for replica in replicas:
                contents.append(canonical(await replica.state()))
                await asyncio.sleep(0)
            return all(content == contents[0] for content in contents)

        try:
            await until(agree, what="agreement", within=within)
        except TimeoutError as error:
            raise TimeoutError(f"{error}:\n{_difference(vectors, contents)}") from None
    wrong = misplaced(json.loads(contents[0]), tokens)
    assert not wrong, (
        f"{len(wrong)} of {len(tokens)} tokens are not there exactly once: {dict(list(wrong.items())[:10])}"
    )
    return len(tokens)


def canonical(state: State) -> str:
    """The content in a form that is equal exactly when it is the same."""
    return json.dumps(state, sort_keys=True)


async def _vector(replica: Replica) -> dict[int, int]:
    if isinstance(replica, StockClient):
        return {int(client): clock for client, clock in (await replica.ask("vector")).items()}
    return dict(decode_state_vector(replica.doc.get_state()))


def _difference(vectors: Sequence[dict[int, int]], contents: Sequence[str]) -> str:
    """What sets the replicas apart; the first is the log."""
    lines: list[str] = []
    for number, vector in enumerate(vectors):
        apart = {
            client: (vector.get(client, 0), vectors[0].get(client, 0))
            for client in {*vector, *vectors[0]}
            if vector.get(client, 0) != vectors[0].get(client, 0)
        }
        lines.append(f"replica {number}: differs from the log in {apart}")
    lines += [f"replica {number}: other content" for number, one in enumerate(contents) if one != contents[0]]
    return "\n".join(lines)
