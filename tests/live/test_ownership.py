"""Whose client ids are whose: what somebody has on the way cannot be overwritten under their own id."""

from __future__ import annotations

import random

import pytest

from collab.errors import CloseCode
from collab.live import ownership
from collab.wire import (
    EMPTY_UPDATE,
    AwarenessEntry,
    SyncStep1,
    encode_awareness,
    encode_entries,
    encode_sync_step1,
    encode_sync_step2,
    encode_update,
)
from tests.clients.hostile import text_item, update
from tests.fakes import Client, Engine, MemoryStore


async def present(engine: Engine, name: str, page_id: object, **options: object) -> Client:
    """Somebody on the page who has shown a cursor, as every browser does at once."""
    client = await engine.client(name, **options).join(page_id)  # type: ignore[arg-type]
    await show(client)
    return client


async def show(client: Client, client_id: int | None = None, clock: int = 1) -> None:
    """Say in awareness who one is."""
    entry = AwarenessEntry(client_id or client.doc.client_id, clock, b"{}")
    await client.send(encode_awareness(encode_entries([entry])))


def forged(client_id: int, clock: int, *, length: int = 3, garbage: bool = False) -> bytes:
    """A frame that writes under somebody's id."""
    item = b"\x00" + bytes([length]) if garbage else text_item("x" * length)
    return encode_update(update({client_id: (clock, [item])}))


async def pass_time(engine: Engine, *clients: Client) -> None:
    """Let everybody hear and answer everything, and let what waits be committed."""
    for _ in range(6):
        for client in clients:
            if not client.peer.closed:
                await client.catch_up()
        await engine.clock.advance(0.2)


@pytest.mark.parametrize("garbage", [False, True])
async def test_what_somebody_has_on_the_way_survives_a_forgery_and_the_forger_is_closed(garbage: bool) -> None:
    """A forged struct takes the clocks of the honest one; a garbage-collected one erases it on every replica."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await present(engine, "Alice", page_id)
    bob = await present(engine, "Bob", page_id)
    mallory = await present(engine, "Mallory", page_id)
    await alice.write("seen ")

    on_the_way = alice.type("on the way")
    await mallory.send(forged(alice.doc.client_id, 5, length=120, garbage=garbage))
    await alice.send(encode_update(on_the_way))
    await pass_time(engine, alice, bob)

    assert engine.store.text_of(page_id) == "seen on the way"
    assert str(bob.text) == "seen on the way"
    assert alice.peer.saved == alice.peer.received
    assert mallory.closed_with is not None
    assert mallory.closed_with.close_code == CloseCode.NOT_ALLOWED
    assert alice.closed_with is None


async def test_a_forgery_is_found_out_whatever_message_it_comes_in() -> None:
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await present(engine, "Alice", page_id)
    mallory = await present(engine, "Mallory", page_id)

    await mallory.send(encode_sync_step2(update({alice.doc.client_id: (0, [text_item("forged")])})))
    await pass_time(engine, alice)

    assert mallory.closed_with is not None
    assert engine.store.text_of(page_id) == ""


async def test_a_forgery_that_the_owner_has_overtaken_changes_nothing() -> None:
    """Its clocks are known by the time it is decided upon; whoever sent it cannot be told from an honest relay."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await present(engine, "Alice", page_id)
    mallory = await present(engine, "Mallory", page_id)

    on_the_way = alice.type("mine")
    await mallory.send(forged(alice.doc.client_id, 0, length=3))
    await alice.send(encode_update(on_the_way))
    await pass_time(engine, alice)

    assert engine.store.text_of(page_id) == "mine"


async def test_what_somebody_passes_on_for_an_owner_who_has_it_is_fine() -> None:
    """Clients may hear each other by other ways than ours, and be faster."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await present(engine, "Alice", page_id)
    bob = await present(engine, "Bob", page_id)

    on_the_way = alice.type("hello")
    bob.hear(on_the_way)
    await bob.send(encode_update(on_the_way))
    await bob.write(" Alice")
    await pass_time(engine, alice, bob)

    assert bob.closed_with is None
    assert engine.store.text_of(page_id) == "hello Alice"
    assert bob.peer.saved == bob.peer.received
    assert alice.peer.saved == alice.peer.received


async def test_edits_of_somebody_who_is_not_here_may_be_passed_on_by_anybody() -> None:
    """After a crash the others hold what the server lost; their author may never come back."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = engine.client("Alice")
    on_the_way = alice.type("the only copy")
    bob = engine.client("Bob")
    bob.hear(on_the_way)
    await bob.join(page_id)
    await show(bob)
    await pass_time(engine, bob)

    assert engine.store.text_of(page_id) == "the only copy"
    assert bob.page is not None
    assert bob.page.ownership.owner_of(alice.doc.client_id) is None


async def test_an_owner_who_does_not_answer_loses_the_id_after_a_few_seconds() -> None:
    """A half-dead link must not keep what others hold from being saved."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await present(engine, "Alice", page_id)
    bob = await present(engine, "Bob", page_id)
    on_the_way = alice.type("heard by Bob alone")
    bob.hear(on_the_way)

    await bob.send(encode_update(on_the_way))
    await engine.clock.advance(engine.limits.owner_patience - 1)
    await bob.catch_up()
    before = engine.store.text_of(page_id)
    await engine.clock.advance(3)
    await pass_time(engine, bob)

    assert before == ""
    assert engine.store.text_of(page_id) == "heard by Bob alone"
    assert bob.closed_with is None
    assert bob.peer.saved == bob.peer.received


async def test_an_owner_who_goes_on_talking_is_waited_for_longer() -> None:
    """A large paste on a slow line delays the answer; that is not a dead link."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await present(engine, "Alice", page_id)
    mallory = await present(engine, "Mallory", page_id)
    on_the_way = alice.type("late")
    await mallory.send(forged(alice.doc.client_id, 0, length=100))

    for clock in range(2, 12):
        await engine.clock.advance(engine.limits.owner_patience / 2)
        await show(alice, clock=clock)
    await alice.send(encode_update(on_the_way))
    await pass_time(engine, alice)

    assert engine.store.text_of(page_id) == "late"
    assert mallory.closed_with is not None


async def test_an_owner_who_leaves_while_asked_frees_the_id() -> None:
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await present(engine, "Alice", page_id)
    bob = await present(engine, "Bob", page_id)
    on_the_way = alice.type("kept by Bob")
    bob.hear(on_the_way)

    await bob.send(encode_update(on_the_way))
    alice.leave()
    await pass_time(engine, bob)

    assert engine.store.text_of(page_id) == "kept by Bob"
    assert bob.peer.saved == bob.peer.received


async def test_a_person_on_a_new_connection_takes_the_id_over() -> None:
    """A reconnect comes before the dead socket is noticed."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await present(engine, "Alice", page_id)
    again = await alice.on_a_new_connection().join(page_id)
    await show(again, clock=2)

    assert again.page is not None
    assert again.page.ownership.owner_of(alice.doc.client_id) is again.peer
    alice.leave()
    assert again.page.ownership.owner_of(alice.doc.client_id) is again.peer


async def test_somebody_else_cannot_take_an_id_while_its_person_is_away() -> None:
    """Alice would be asked to prove herself to whoever took it, and fail."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await present(engine, "Alice", page_id)
    bob = await present(engine, "Bob", page_id)
    alice.leave()
    mallory = await engine.client("Mallory").join(page_id)
    await show(mallory, alice.doc.client_id)
    offline = alice.type("written offline")

    again = await alice.on_a_new_connection().join(page_id)
    await show(again, alice.doc.client_id, clock=2)
    await again.send(encode_update(offline))
    await pass_time(engine, again, bob, mallory)

    assert engine.store.text_of(page_id) == "written offline"
    assert again.closed_with is None


async def test_a_guest_whose_identity_does_not_last_gets_the_id_back_all_the_same() -> None:
    """A program with a token is somebody new on every connection, but its document has one id."""
    engine = Engine()
    page_id = engine.store.make_page()
    first = await present(engine, "Bob", page_id, lasting=False)
    first.leave()
    again = await first.on_a_new_connection(lasting=False, user_id="g:other").join(page_id)
    await show(again, first.doc.client_id, clock=2)

    assert again.page is not None
    assert again.page.ownership.owner_of(first.doc.client_id) is again.peer


async def test_a_program_without_awareness_owns_what_it_writes() -> None:
    engine = Engine()
    page_id = engine.store.make_page()
    bob = await engine.client("Bob").join(page_id)
    mallory = await present(engine, "Mallory", page_id)
    await bob.write("one ")

    on_the_way = bob.type("two")
    await mallory.send(forged(bob.doc.client_id, 4, length=100, garbage=True))
    await bob.send(encode_update(on_the_way))
    await pass_time(engine, bob)

    assert engine.store.text_of(page_id) == "one two"
    assert mallory.closed_with is not None


async def test_naming_somebody_elses_id_in_awareness_gives_nothing() -> None:
    engine = Engine()
    page_id = engine.store.make_page()
    bob = await engine.client("Bob").join(page_id)
    await bob.write("one ")
    mallory = await engine.client("Mallory").join(page_id)
    await show(mallory, bob.doc.client_id)

    assert bob.page is not None
    assert bob.page.ownership.owner_of(bob.doc.client_id) is bob.peer
    assert mallory.peer.client_id is None
    assert mallory.closed_with is None


async def test_passing_on_makes_nobody_an_owner() -> None:
    engine = Engine()
    page_id = engine.store.make_page()
    alice = engine.client("Alice")
    alice.type("hello")
    bob = engine.client("Bob")
    bob.hear(alice.doc.get_update())
    await bob.join(page_id)
    await alice.join(page_id)
    await alice.write(" world")
    await pass_time(engine, alice, bob)

    assert alice.page is not None
    assert alice.page.ownership.owner_of(alice.doc.client_id) is alice.peer
    assert bob.closed_with is None
    assert engine.store.text_of(page_id) == "hello world"


async def test_anybody_may_delete_what_others_wrote() -> None:
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await present(engine, "Alice", page_id)
    bob = await present(engine, "Bob", page_id)
    await alice.write("too long")
    await pass_time(engine, alice, bob)
    before = len(bob._local)
    del bob.text[3:8]
    await bob.send(encode_update(bob._local[before]))
    await pass_time(engine, alice, bob)

    assert str(alice.text) == "too"
    assert bob.closed_with is None


async def test_a_viewers_id_stands_against_nobody() -> None:
    """Carol's role was changed; what she wrote before it must still be passed on by those who have it."""
    engine = Engine()
    page_id = engine.store.make_page()
    carol = await present(engine, "Carol", page_id, can_edit=False)
    bob = await present(engine, "Bob", page_id)
    bob.hear(carol.type("before"))

    await bob.send(encode_sync_step2(bob.doc.get_update()))
    await pass_time(engine, bob)

    assert engine.store.text_of(page_id) == "before"


async def test_two_who_each_hold_what_the_other_needs_are_saved_at_once() -> None:
    """After a crash each has sent the other's part too, and neither part can be applied without the other."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice, bob = engine.client("Alice"), engine.client("Bob")
    for number in range(10):
        bob.hear(alice.type(f"a{number} "))
        alice.hear(bob.type(f"b{number} "))
    for person in (alice, bob):
        person.page = await engine.hub.join(page_id, person.peer)
        await show(person)
    await pass_time(engine, alice, bob)

    assert engine.store.text_of(page_id) == "".join(f"a{number} b{number} " for number in range(10))
    assert [person.closed_with for person in (alice, bob)] == [None, None]
    assert [person.peer.saved for person in (alice, bob)] == [person.peer.received for person in (alice, bob)]


async def test_what_is_kept_for_disputes_is_bounded() -> None:
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await present(engine, "Alice", page_id)
    for number in range(ownership.MAX_KEPT + 10):
        mallory = await present(engine, f"Mallory {number}", page_id)
        tangled = {alice.doc.client_id: (0, [text_item("x")]), mallory.doc.client_id: (0, [_beside(alice)])}
        await mallory.send(encode_update(update(tangled)))

    assert alice.page is not None
    kept = [dispute.kept for dispute in alice.page.ownership._disputes.values()]
    assert sum(map(bool, kept)) <= ownership.MAX_KEPT
    await pass_time(engine, alice)
    assert alice.page.ownership._disputes == {}
    assert engine.store.text_of(page_id) == ""


def _beside(client: Client) -> bytes:
    """A text that stands to the right of the first thing a client wrote."""
    from collab.wire.varint import write_string, write_var_uint

    return b"\x84" + write_var_uint(client.doc.client_id) + b"\x00" + write_string("y")


@pytest.mark.parametrize("run", range(25))
async def test_whatever_the_order_honest_edits_survive(run: int, rng: random.Random) -> None:
    """Typing, passing on, forging, half-dead links, crashes of the server: at the end everything honest is there."""
    await _play(random.Random(f"{run}:{rng.random()}"), people=4, steps=60)


@pytest.mark.full
@pytest.mark.parametrize("run", range(150))
async def test_whatever_the_order_honest_edits_survive_at_length(run: int, rng: random.Random) -> None:
    await _play(random.Random(f"{run}:{rng.random()}"), people=6, steps=200)


class Play:
    """People who type, pass on and reconnect, a forger, and a server that crashes."""

    MOVES = {"type": 30, "send": 30, "hear": 20, "relay": 6, "forge": 6, "pass_time": 8, "crash": 1}

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.store = MemoryStore()
        self.page_id = self.store.make_page()
        self.engine = Engine(store=self.store)
        self.cast: list[Client] = []
        self.waiting: list[list[bytes]] = []
        self.tokens: list[str] = []
        self.crashes = 0

    async def gather(self, people: int) -> None:
        for number in range(people):
            client_id = self.rng.randrange(1, 2**32)
            self.cast.append(await present(self.engine, f"Person {number}", self.page_id, client_id=client_id))
        self.waiting = [[] for _ in self.cast]
        self.mallory = await present(self.engine, "Mallory", self.page_id)

    async def move(self) -> None:
        (name,) = self.rng.choices(list(self.MOVES), list(self.MOVES.values()))
        await getattr(self, name)(self.rng.randrange(len(self.cast)))

    async def type(self, who: int) -> None:
        self.tokens.append(f"[{who}.{len(self.tokens)}]")
        text = str(self.cast[who].text)
        places = [0, *(index + 1 for index, character in enumerate(text) if character == "]")]
        self.waiting[who].append(self.cast[who].type(self.tokens[-1], at=self.rng.choice(places)))

    async def send(self, who: int) -> None:
        if self.waiting[who]:
            await self.cast[who].send(encode_update(self.waiting[who].pop(0)))

    async def hear(self, who: int) -> None:
        await self.cast[who].catch_up()

    async def relay(self, who: int) -> None:
        """Two browsers synchronise by a way of their own, and one passes on what it heard."""
        other = self.cast[(who + self.rng.randrange(1, len(self.cast))) % len(self.cast)]
        heard = self.cast[who].doc.get_update(other.doc.get_state())
        other.hear(heard)
        await other.send(encode_update(heard))

    async def forge(self, who: int) -> None:
        if self.mallory.peer.closed:
            self.mallory.leave()
            self.mallory = await present(self.engine, "Mallory", self.page_id)
        victim = self.cast[who]
        clock = 0 if victim.page is None else victim.page.known(victim.doc.client_id)
        length, garbage = self.rng.choice([1, 2, 5, 100]), self.rng.random() < 0.5
        await self.mallory.send(forged(victim.doc.client_id, clock, length=length, garbage=garbage))

    async def pass_time(self, who: int) -> None:
        await self.engine.clock.advance(self.rng.choice([0.001, 0.01, 0.1]))

    async def crash(self, who: int) -> None:
        """Kill the server; everybody comes back with what they have."""
        if self.crashes == 2:
            return
        self.crashes += 1
        await self.engine.hub.stop()
        self.engine = Engine(store=self.store)
        self.cast = [await _returned(self.engine, one, self.page_id) for one in self.cast]
        self.waiting = [[] for _ in self.cast]
        self.mallory = await present(self.engine, "Mallory", self.page_id)

    async def end(self) -> None:
        """Everything is sent, heard and committed."""
        for who in range(len(self.cast)):
            while self.waiting[who]:
                await self.send(who)
        for _ in range(12):
            await pass_time(self.engine, *self.cast)
        await self.engine.clock.advance(10)
        await pass_time(self.engine, *self.cast)


async def _play(rng: random.Random, *, people: int, steps: int) -> None:
    play = Play(rng)
    await play.gather(people)
    for _ in range(steps):
        await play.move()
    await play.end()

    assert all(person.closed_with is None for person in play.cast)
    assert len({str(person.text) for person in play.cast}) == 1
    in_log = play.store.text_of(play.page_id)
    assert in_log == str(play.cast[0].text)
    assert [token for token in play.tokens if in_log.count(token) != 1] == []
    assert [person.peer.received - person.peer.saved for person in play.cast] == [0] * people
    await play.engine.hub.stop()


async def _returned(engine: Engine, before: Client, page_id: object) -> Client:
    """The same browser on a server that has just started."""
    person = before.on_a_new_connection(engine)
    person.page = await engine.hub.join(page_id, person.peer)  # type: ignore[arg-type]
    await person.send(encode_sync_step1(person.doc.get_state()))
    await show(person)
    return person


async def test_a_client_that_sends_gaps_for_ever_is_closed() -> None:
    """Each costs an examination and may cost a question; nothing honest comes of a thousand."""
    engine = Engine(max_gapped_updates=100)
    page_id = engine.store.make_page()
    mallory = await engine.client("Mallory").join(page_id)

    for number in range(200):
        await mallory.send(forged(7 + number, 5))
        if mallory.closed_with is not None:
            break
        await mallory.catch_up()

    assert mallory.closed_with is not None
    assert mallory.closed_with.close_code == CloseCode.TOO_MANY


async def test_answering_with_nothing_does_not_buy_more_gaps() -> None:
    engine = Engine(max_gapped_updates=100)
    page_id = engine.store.make_page()
    mallory = await engine.client("Mallory").join(page_id)

    questions = 0
    for number in range(200):
        await mallory.send(forged(7 + number, 5))
        await mallory.send(encode_sync_step2(EMPTY_UPDATE))
        if mallory.closed_with is not None:
            break
        questions += sum(isinstance(message, SyncStep1) for message in await mallory.catch_up())

    assert mallory.closed_with is not None
    assert questions <= 10


async def test_somebody_who_lost_a_message_types_on_while_being_asked() -> None:
    """On a slow line a whole sentence depends on what is missing before the question arrives."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)

    alice.type("lost ")
    for character in "and two hundred letters more " * 10:
        await alice.write(character)
    await pass_time(engine, alice)

    assert alice.closed_with is None
    assert engine.store.text_of(page_id) == str(alice.text)
    assert alice.peer.saved == alice.peer.received
