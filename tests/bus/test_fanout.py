"""Several processes in small: hubs on one database, with a network that can do everything that a network does."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
from collections.abc import Callable
from uuid import UUID

import pytest

from collab.bus.envelope import Kind
from collab.errors import CloseCode, UnknownPage
from collab.wire import (
    Awareness,
    AwarenessEntry,
    Message,
    decode_entries,
    encode_awareness,
    encode_entries,
    encode_update,
)
from tests.bus.conftest import Start, on_page
from tests.fakes import Client, settle, store_down


async def read(*people: Client) -> list[str]:
    """What each of them sees."""
    for person in people:
        await person.catch_up()
    return [str(person.text) for person in people]


class Eyes:
    """Whom a client sees, as y-protocols counts: a higher clock wins. Open them before the client joins."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._clocks: dict[int, int] = {}
        self._states: dict[int, str] = {}
        self._catch_up = client.catch_up
        client.catch_up = self._look  # type: ignore[method-assign]

    async def see(self) -> dict[int, str]:
        await self._look()
        return dict(self._states)

    async def _look(self) -> list[Message]:
        handled = await self._catch_up()
        for message in handled:
            if isinstance(message, Awareness):
                for entry in decode_entries(message.payload, max_entries=1000, max_state_bytes=10**6):
                    self._take(entry)
        return handled

    def _take(self, entry: AwarenessEntry) -> None:
        clock = self._clocks.get(entry.client_id, -1)
        if entry.clock < clock or (entry.clock == clock and entry.state is not None):
            return
        self._clocks[entry.client_id] = entry.clock
        if entry.state is None:
            self._states.pop(entry.client_id, None)
        else:
            self._states[entry.client_id] = json.loads(entry.state)["at"]


async def point(client: Client, client_id: int, clock: int, at: str | None) -> None:
    """Move a cursor, or take it away."""
    state = None if at is None else json.dumps({"at": at}).encode()
    await client.send(encode_awareness(encode_entries([AwarenessEntry(client_id, clock, state)])))


async def test_people_on_two_processes_see_each_others_edits_at_once(start: Start) -> None:
    """What one process accepted the other shows before it is committed, and does not write it twice."""
    processes = start()
    page_id, (alice, bob) = await on_page(processes, "Alice", "Bob")

    await alice.write("from one")
    await processes.clock.advance(0)
    assert await read(bob) == ["from one"]
    await processes.clock.advance(1)
    await bob.write(", from two")
    await processes.clock.advance(0.02)
    assert await read(alice) == ["from one, from two"]
    await processes.clock.advance(1)

    assert processes.store.text_of(page_id) == "from one, from two"
    assert alice.peer.saved == alice.peer.received


async def test_a_page_in_one_process_is_told_to_nobody(start: Start) -> None:
    """Edits and cursors that nobody else shows must cost no message, however many there are."""
    processes = start(3)
    page_id, _ = await on_page(processes, "Alice")
    other_page, (_, bob) = processes.store.make_page(), [None, processes.engines[1].client("Bob")]
    await bob.join(other_page)
    alice = await processes.engines[0].client("Alice").join(page_id)
    processes.network.sent.clear()

    for number in range(50):
        await alice.write(f"{number} ")
        await point(alice, 7, number, str(number))
        await processes.clock.advance(0.05)

    assert set(processes.network.sent) == {Kind.BEACON}
    assert processes.network.sent[Kind.BEACON] <= 3 * 3


async def test_the_log_is_asked_in_one_query_for_all_pages_and_read_for_none(start: Start) -> None:
    """The timer of a process must not become a storm of queries, and own rows are not read again for ever."""
    processes = start(1)
    engine = processes.engines[0]
    people = [await engine.client(f"P{n}").join(processes.store.make_page()) for n in range(20)]
    for person in people:
        await person.write("hello")
    await processes.clock.advance(2)
    processes.store.sweeps = processes.store.reads = 0

    await processes.clock.advance(20)

    assert 4 <= processes.store.sweeps <= 6
    assert processes.store.reads == 0


async def test_a_process_that_is_alone_asks_nothing(start: Start) -> None:
    """Without other processes there is nothing to be found in the log."""
    from tests.fakes import Engine

    engine = Engine()
    alice = await engine.client("Alice").join(engine.store.make_page())
    await alice.write("hello")

    await engine.clock.advance(20)

    assert engine.store.sweeps == engine.store.reads == 0


async def test_an_update_that_was_lost_is_noticed_by_the_next_one(start: Start) -> None:
    """The numbers jump, and the log has what is missing."""
    processes = start()
    _, (alice, bob) = await on_page(processes, "Alice", "Bob")
    processes.network.loses = lambda kind: kind is Kind.UPDATE
    await alice.write("lost, ")
    await processes.clock.advance(0.2)
    processes.network.loses = lambda kind: False

    await alice.write("found")
    await processes.clock.advance(0.3)

    assert await read(bob) == ["lost, found"]


async def test_an_update_that_was_lost_is_noticed_by_the_next_one_that_does_not_build_on_it(start: Start) -> None:
    """Nothing is missing for the second edit; only the numbers tell of the first."""
    processes = start()
    page_id, (alice, bob) = await on_page(processes, "Alice", "Bob")
    carol = await processes.engines[0].client("Carol").join(page_id)
    await alice.write("first ")
    await processes.clock.advance(1)
    await carol.catch_up()
    carol.type("Carol's ")
    processes.network.loses = lambda kind: kind is Kind.UPDATE
    await alice.write("Alice's ", at=0)
    await processes.clock.advance(0.2)
    processes.network.loses = lambda kind: False

    await carol.send(encode_update(carol.doc.get_update()))
    await processes.clock.advance(0.3)

    assert sorted(re.findall(r"\w+'s", (await read(bob))[0])) == ["Alice's", "Carol's"]


async def test_the_last_update_that_was_lost_is_found_within_five_seconds(start: Start) -> None:
    """No further message shows the jump: the timer finds it."""
    processes = start()
    _, (alice, bob) = await on_page(processes, "Alice", "Bob")
    processes.network.loses = lambda kind: kind is Kind.UPDATE

    await alice.write("the last word")
    await processes.clock.advance(5)

    assert await read(bob) == ["the last word"]


async def test_what_arrives_before_what_it_depends_on_is_held_back_and_not_lost(start: Start) -> None:
    """A network may change the order; people see the right text as soon as everything is there, not after a commit."""
    processes = start()
    _, (alice, bob) = await on_page(processes, "Alice", "Bob")
    processes.store.fails = store_down()
    held: list[Callable[[], None]] = []
    carry = processes.network.carry

    def hold(topic: UUID | None, message: bytes) -> None:
        if Kind(message[1]) is Kind.UPDATE and not held:
            held.append(lambda: carry(topic, message))
        else:
            carry(topic, message)

    processes.network.carry = hold  # type: ignore[method-assign]
    await alice.write("first ")
    await processes.clock.advance(0.1)
    await alice.write("second")
    await processes.clock.advance(0.1)
    assert await read(bob) == [""]

    held[0]()
    await settle()

    assert await read(bob) == ["first second"]


async def test_while_the_network_is_down_edits_are_saved_and_others_see_them_within_seconds(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """Redis is an accelerator: without it the log carries everything, and the trouble is told once, not per edit."""
    processes = start()
    _, (alice, bob) = await on_page(processes, "Alice", "Bob")
    processes.network.down = True

    for number in range(10):
        await alice.write(f"{number}")
        await processes.clock.advance(2)
        assert len((await read(bob))[0]) >= number
    assert alice.peer.saved == alice.peer.received
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 2, [record.getMessage() for record in warnings]  # one for each process
    processes.network.down = False
    await processes.clock.advance(5)
    await alice.write("!")
    await processes.clock.advance(0.02)

    assert await read(bob) == ["0123456789!"]
    assert alice.closed_with is bob.closed_with is None


async def test_a_process_that_hears_nothing_though_it_can_send_notices_and_connects_anew(start: Start) -> None:
    """A subscription can be lost alone: after CLIENT KILL or a FLUSHALL sending works and nothing arrives."""
    processes = start()
    _, (alice, bob) = await on_page(processes, "Alice", "Bob")
    link = processes.network.links[1]
    link.addresses.clear()

    await alice.write("unheard")
    await processes.clock.advance(5)
    assert await read(bob) == ["unheard"]
    await processes.clock.advance(5)
    await alice.write(", heard")
    await processes.clock.advance(0.02)

    assert await read(bob) == ["unheard, heard"]
    assert link.connects == 2


async def test_a_page_opened_while_the_network_was_down_is_known_afterwards(start: Start) -> None:
    """Neither process heard that the other opened the page."""
    processes = start()
    await processes.clock.advance(1)
    page_id = processes.store.make_page()
    processes.network.down = True
    await processes.clock.advance(3)
    alice = await processes.engines[0].client("Alice").join(page_id)
    bob = await processes.engines[1].client("Bob").join(page_id)
    processes.network.down = False
    await processes.clock.advance(5)

    await alice.write("hello")
    await processes.clock.advance(0.02)

    assert await read(bob) == ["hello"]


async def test_whoever_opens_a_page_gets_what_was_accepted_elsewhere_and_is_not_yet_committed(start: Start) -> None:
    """Between reading the log and being known to the other process lies a moment in which an edit could be missed."""
    processes = start()
    page_id, (alice,) = await on_page(processes, "Alice")
    processes.store.gate = asyncio.Event()
    await alice.write("not yet committed")
    await processes.clock.advance(0.1)
    gate, processes.store.gate = processes.store.gate, None
    bob = await processes.engines[1].client("Bob").join(page_id)
    await processes.clock.advance(0.1)
    gate.set()

    await processes.clock.advance(0.5)

    assert await read(bob) == ["not yet committed"]


async def test_what_is_too_large_for_the_network_is_read_from_the_log_once_it_is_committed(start: Start) -> None:
    """A pasted picture must not hold up everybody's keystrokes in Redis."""
    processes = start(bus_max_message_bytes=2000)
    _, (alice, bob) = await on_page(processes, "Alice", "Bob")
    processes.network.sent.clear()

    await alice.write("x" * 5000)
    await processes.clock.advance(0.3)

    assert (await read(bob))[0] == "x" * 5000
    assert processes.network.sent[Kind.UPDATE] == 0
    assert processes.network.sent[Kind.READ_LOG] == 1


async def test_above_its_bound_what_waits_to_be_sent_is_dropped_and_read_from_the_log(start: Start) -> None:
    """A Redis that takes messages slowly must not fill the memory."""
    processes = start(bus_max_message_bytes=2000, bus_max_waiting_bytes=4000)
    page_id, (alice, bob) = await on_page(processes, "Alice", "Bob")
    gate = asyncio.Event()
    link = processes.network.links[0]
    send = link.send

    async def slow(topic: UUID | None, message: bytes) -> None:
        await gate.wait()
        await send(topic, message)

    link.send = slow  # type: ignore[method-assign]
    for _ in range(20):
        await alice.write("x" * 1000)
        await processes.clock.advance(0.02)
    gate.set()
    await processes.clock.advance(0.5)

    assert (await read(bob))[0] == "x" * 20_000
    assert processes.store.text_of(page_id) == "x" * 20_000


async def test_deleting_a_page_closes_it_in_every_process(start: Start) -> None:
    """Whoever only looks at it hears of it too."""
    processes = start()
    page_id, (alice, bob) = await on_page(processes, "Alice", "Bob")

    processes.engines[0].hub.end(page_id, UnknownPage("deleted"))
    await processes.clock.advance(0.1)

    assert [person.closed_with and person.closed_with.close_code for person in (alice, bob)] == [CloseCode.UNKNOWN] * 2


@pytest.mark.parametrize(("change", "code"), [("delete", CloseCode.UNKNOWN), ("replace", CloseCode.REPLACED)])
async def test_a_page_that_ended_elsewhere_is_found_out_even_if_nobody_says_so(
    start: Start, change: str, code: CloseCode
) -> None:
    """The message can be lost like any other."""
    processes = start()
    page_id, (alice, bob) = await on_page(processes, "Alice", "Bob")
    if change == "delete":
        del processes.store.pages[page_id]
    else:
        processes.store.pages[page_id] = (2, [])

    await processes.clock.advance(5)

    assert [person.closed_with and person.closed_with.close_code for person in (alice, bob)] == [code] * 2


async def test_an_edit_that_depends_on_one_that_its_process_never_committed_can_still_be_loaded(start: Start) -> None:
    """A row that refers to nothing would lock everybody out of the page for good."""
    processes = start(3)
    page_id, (alice, bob) = await on_page(processes, "Alice", "Bob")
    processes.store.fails_for[page_id] = store_down()
    await alice.write("never committed by its own process, ")
    await processes.clock.advance(0.02)
    await bob.catch_up()
    processes.network.links[0].kill()
    await processes.engines[0].hub._writer.stop()
    processes.store.fails_for.clear()

    await bob.write("but written by whoever builds on it")
    await processes.clock.advance(1)
    carol = await processes.engines[2].client("Carol").join(page_id)

    assert await read(carol) == ["never committed by its own process, but written by whoever builds on it"]


async def test_what_its_process_never_commits_is_written_by_another_one_that_shows_it(start: Start) -> None:
    """People have seen it; it must not be gone after a reload."""
    processes = start()
    page_id, (alice, bob) = await on_page(processes, "Alice", "Bob")
    processes.store.fails_for[page_id] = store_down()
    await alice.write("seen by Bob")
    await processes.clock.advance(0.02)
    assert await read(bob) == ["seen by Bob"]
    processes.network.links[0].kill()
    await processes.engines[0].hub._writer.stop()
    processes.store.fails_for.clear()

    await processes.clock.advance(20)

    assert processes.store.text_of(page_id) == "seen by Bob"


async def test_what_has_been_committed_is_not_written_again_by_others(start: Start) -> None:
    """The log would grow with every process that shows a page."""
    processes = start(3)
    page_id, people = await on_page(processes, "Alice", "Bob", "Carol")
    for number in range(5):
        await people[0].write(f"{number} ")
        await people[0].send(b"\x00\x02\x02\x00\x00")
        await processes.clock.advance(1)
    rows = len(processes.store.pages[page_id][1])

    await processes.clock.advance(30)

    assert len(processes.store.pages[page_id][1]) == rows == 5


async def test_people_see_the_cursors_of_people_on_other_processes(start: Start) -> None:
    """Newest state, identity as their own server vouches for it, and gone when they go."""
    processes = start()
    _, (alice, bob) = await on_page(processes, "Alice", "Bob")
    eyes = Eyes(bob)

    await point(alice, 7, 1, "here")
    await processes.clock.advance(0.1)
    assert await eyes.see() == {7: "here"}
    await point(alice, 7, 2, "there")
    await processes.clock.advance(0.1)
    assert await eyes.see() == {7: "there"}
    alice.leave()
    await processes.clock.advance(0.1)

    assert await eyes.see() == {}


async def test_the_name_beside_a_cursor_from_another_process_is_the_servers_word(start: Start) -> None:
    """Identity is stamped where the person is connected, and passed on as it is."""
    processes = start()
    _, (alice, bob) = await on_page(processes, "Alice", "Bob")
    state = json.dumps({"at": "x", "user": {"name": "Somebody else"}}).encode()

    await alice.send(encode_awareness(encode_entries([AwarenessEntry(7, 1, state)])))
    await processes.clock.advance(0.1)

    (message,) = await bob.awareness()
    (entry,) = decode_entries(message.payload, max_entries=10, max_state_bytes=10**4)
    assert entry.state is not None
    assert json.loads(entry.state)["user"]["name"] == "Alice"


async def test_whoever_comes_later_sees_who_is_there_in_other_processes(start: Start) -> None:
    """The first person in a process, and everybody after them."""
    processes = start()
    page_id, (alice,) = await on_page(processes, "Alice")
    await point(alice, 7, 1, "here")
    await processes.clock.advance(1)

    bob, carol = (processes.engines[1].client(name) for name in ("Bob", "Carol"))
    eyes = [Eyes(bob), Eyes(carol)]
    await bob.join(page_id)
    await processes.clock.advance(0.1)
    assert await eyes[0].see() == {7: "here"}
    await carol.join(page_id)

    assert await eyes[1].see() == {7: "here"}


async def test_people_on_a_process_that_was_killed_are_gone_within_35_seconds(start: Start) -> None:
    """It says no goodbye; its silence does."""
    processes = start()
    _, (alice, bob) = await on_page(processes, "Alice", "Bob")
    await point(alice, 7, 1, "here")
    await processes.clock.advance(0.1)
    eyes = Eyes(bob)
    assert await eyes.see() == {7: "here"}
    await processes.engines[0].hub._writer.stop()
    processes.network.links[0].kill()

    await processes.clock.advance(15)
    assert await eyes.see() == {7: "here"}
    await processes.clock.advance(15)

    assert await eyes.see() == {}


async def test_people_on_a_process_that_stops_are_gone_at_once(start: Start) -> None:
    """It says goodbye."""
    processes = start()
    _, (alice, bob) = await on_page(processes, "Alice", "Bob")
    await point(alice, 7, 1, "here")
    await processes.clock.advance(0.1)
    eyes = Eyes(bob)
    await eyes.see()

    draining = asyncio.create_task(processes.engines[0].hub.drain(5))
    await processes.clock.advance(1)
    await draining
    await processes.engines[0].hub.stop()
    await processes.clock.advance(0.1)

    assert await eyes.see() == {}


async def test_a_cursor_that_was_lost_on_the_way_is_told_again_within_ten_seconds(start: Start) -> None:
    """The log holds no cursors."""
    processes = start()
    _, (alice, bob) = await on_page(processes, "Alice", "Bob")
    eyes = Eyes(bob)
    processes.network.loses = lambda kind: kind is Kind.PRESENCE
    await point(alice, 7, 1, "here")
    await processes.clock.advance(0.1)
    processes.network.loses = lambda kind: False
    assert await eyes.see() == {}

    await processes.clock.advance(11)

    assert await eyes.see() == {7: "here"}


async def test_a_departure_that_was_lost_on_the_way_is_noticed_within_ten_seconds(start: Start) -> None:
    """Otherwise the ghost stays until the process ends."""
    processes = start()
    _, (alice, bob) = await on_page(processes, "Alice", "Bob")
    eyes = Eyes(bob)
    await point(alice, 7, 1, "here")
    await processes.clock.advance(0.1)
    await eyes.see()
    processes.network.loses = lambda kind: kind is Kind.PRESENCE
    alice.leave()
    await processes.clock.advance(0.1)
    processes.network.loses = lambda kind: False

    await processes.clock.advance(11)

    assert await eyes.see() == {}


async def test_somebody_who_moves_to_another_process_is_seen_there_and_nowhere_else(start: Start) -> None:
    """A proxy sends the new connection elsewhere while the old one is not yet known to be dead."""
    processes = start()
    page_id, (alice, bob) = await on_page(processes, "Alice", "Bob")
    carol = await processes.engines[0].client("Carol").join(page_id)
    await point(alice, 7, 5, "before")
    await processes.clock.advance(0.1)
    eyes = [Eyes(bob), Eyes(carol)]
    assert [await one.see() for one in eyes] == [{7: "before"}] * 2

    again = await processes.engines[1].client("Alice").join(page_id)
    await point(again, 7, 5, "after")
    await processes.clock.advance(0.1)
    alice.leave()
    await processes.clock.advance(0.1)

    assert [await one.see() for one in eyes] == [{7: "after"}] * 2


async def test_somebody_who_comes_back_on_another_process_is_seen_moving(start: Start) -> None:
    """Clients ignore clocks that go back, and a killed process made everybody's clock go on without its owner."""
    processes = start(3)
    page_id, people = await on_page(processes, "Alice", "Bob", "Carol")
    eyes = Eyes(people[2])
    await point(people[0], 7, 1, "before")
    await processes.clock.advance(0.1)
    assert await eyes.see() == {7: "before"}
    await processes.engines[0].hub._writer.stop()
    processes.network.links[0].kill()
    await processes.clock.advance(30)
    assert await eyes.see() == {}

    again = await processes.engines[1].client("Alice").join(page_id)
    await point(again, 7, 1, "back")
    await processes.clock.advance(0.1)
    assert await eyes.see() == {7: "back"}
    # Its own state came back to it under a higher clock, from which it goes on, as y-protocols does.
    await point(again, 7, 4, "moving")
    await processes.clock.advance(0.1)

    assert await eyes.see() == {7: "moving"}


async def test_cursors_are_told_at_most_twenty_times_a_second_and_the_newest_wins(start: Start) -> None:
    """A mouse moves a hundred times a second."""
    processes = start()
    _, (alice, bob) = await on_page(processes, "Alice", "Bob")
    processes.network.sent.clear()

    for clock in range(100):
        await point(alice, 7, clock, str(clock))
        await processes.clock.advance(0.01)
    await processes.clock.advance(0.1)

    assert 15 <= processes.network.sent[Kind.PRESENCE] <= 22
    assert await Eyes(bob).see() == {7: "99"}


async def test_cursors_that_do_not_fit_into_a_message_are_left_out_and_the_others_are_seen(start: Start) -> None:
    """Five hundred large states would be eight megabytes to every process every few seconds."""
    processes = start(bus_max_message_bytes=2000, bus_max_waiting_bytes=4000)
    page_id, (alice, bob) = await on_page(processes, "Alice", "Bob")
    eyes = Eyes(bob)
    carol = await processes.engines[0].client("Carol").join(page_id)

    await point(alice, 7, 1, "x" * 5000)
    await point(carol, 8, 1, "here")
    await processes.clock.advance(11)

    assert await eyes.see() == {8: "here"}


async def test_garbage_on_the_network_changes_nothing(start: Start) -> None:
    """A Redis may be shared with programs that know nothing of us."""
    processes = start()
    page_id, (alice, bob) = await on_page(processes, "Alice", "Bob")
    rng = random.Random(5)
    for link in processes.network.links:
        for size in range(200):
            link.hear(rng.randbytes(size))
            link.hear(bytes((1, rng.randrange(1, 11))) + rng.randbytes(8) + page_id.bytes + rng.randbytes(size))
    await processes.clock.advance(1)

    await alice.write("unharmed")
    await processes.clock.advance(1)

    assert await read(bob) == ["unharmed"]
    assert alice.closed_with is bob.closed_with is None


@pytest.mark.parametrize("round_number", [*range(5), *(pytest.param(n, marks=pytest.mark.full) for n in range(5, 200))])
async def test_everybody_sees_the_same_whatever_the_network_does(
    start: Start, rng: random.Random, round_number: int
) -> None:
    """Three processes, nine people on three pages; a network that loses and repeats 10 %, reorders, goes down, deaf."""
    processes = start(3, rng=rng)
    pages = [processes.store.make_page() for _ in range(3)]
    await processes.clock.advance(1)
    people = [
        [await engine.client(f"P{n}").join(page_id) for n, engine in enumerate(processes.engines)] for page_id in pages
    ]
    everybody = [person for on_one in people for person in on_one]
    network = processes.network
    network.drop, network.repeat, network.delay = 0.1, 0.1, 0.05
    tokens: dict[Client, list[str]] = {person: [] for person in everybody}
    for turn in range(60):
        for number, person in enumerate(everybody):
            if rng.random() < 0.3:
                token = f"<{turn}.{number}>"
                tokens[person].append(token)
                await person.write(token, at=0 if rng.random() < 0.3 else None)
        if rng.random() < 0.05:
            network.down = not network.down
        if rng.random() < 0.05:
            network.links[rng.randrange(3)].addresses.clear()
        await processes.clock.advance(rng.random() * 0.2)
        for person in everybody:
            if rng.random() < 0.5:
                await person.catch_up()
    network.down = False

    await processes.clock.advance(10)

    assert network.sent[Kind.BUNDLE]
    for page_id, on_one in zip(pages, people, strict=True):
        texts = await read(*on_one)
        assert len(set(texts)) == 1
        assert all(texts[0].count(token) == 1 for person in on_one for token in tokens[person])
        await processes.clock.advance(1)
        assert processes.store.text_of(page_id) == texts[0]
    assert all(person.peer.saved == person.peer.received for person in everybody)


async def test_what_waits_about_many_pages_goes_to_another_process_as_one_message(start: Start) -> None:
    """Two processes that share a hundred busy pages would do nothing but talk to Redis."""
    processes = start(3)
    one, two, three = processes.engines
    pages = [processes.store.make_page() for _ in range(10)]
    await processes.clock.advance(1)
    here = [await one.client("Alice").join(page_id) for page_id in pages]
    there = [await two.client("Bob").join(page_id) for page_id in pages]
    elsewhere = await three.client("Carol").join(processes.store.make_page())
    await processes.clock.advance(1)
    processes.network.sent.clear()

    for person in here:
        await person.write("together")
    await settle()
    await processes.clock.advance(0.02)

    assert await read(*there) == ["together"] * 10
    assert processes.network.sent[Kind.UPDATE] <= 1
    assert 1 <= processes.network.sent[Kind.BUNDLE] <= 2
    assert await read(elsewhere) == [""]
