"""One open page: who gets what, what is refused, what counts as saved."""

from __future__ import annotations

import asyncio

from pycrdt import Array, Doc, Text

from collab.errors import CloseCode
from collab.wire import (
    EMPTY_UPDATE,
    Awareness,
    AwarenessEntry,
    Notice,
    Saved,
    SyncStep1,
    SyncStep2,
    Update,
    encode_awareness,
    encode_entries,
    encode_sync_step1,
    encode_sync_step2,
    encode_update,
)
from tests.fakes import Client, Engine, settle, store_down


async def test_an_edit_reaches_the_others_and_not_its_author() -> None:
    """An echo would cost bandwidth; a lost delivery would cost trust."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)

    await alice.write("hello")

    assert [type(message) for message in await bob.catch_up()] == [Update]
    assert str(bob.text) == "hello"
    assert not any(isinstance(message, Update) for message in await alice.catch_up())


async def frames_of_a_burst(engine: Engine, alice: Client, bob: Client) -> list[int]:
    """How many frames Bob gets when Alice types one character, at once when she types three more, and later."""
    await alice.write("a")
    first = await bob.catch_up()
    for character in "bcd":
        await alice.write(character)
    at_once = await bob.catch_up()
    await engine.clock.advance(engine.limits.broadcast_interval)
    return [len(first), len(at_once), len(await bob.catch_up())]


async def test_a_page_whose_broadcasts_take_time_sends_the_first_edit_at_once_and_the_next_in_bundles() -> None:
    """The first key stroke must not wait; a burst on a page with many people must not cost a frame each."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    await engine.clock.advance(1)
    bob.takes = engine.limits.broadcast_interval

    assert await frames_of_a_burst(engine, alice, bob) == [1, 0, 1]
    assert str(bob.text) == "abcd"


async def test_a_page_of_a_busy_process_bundles_although_its_own_broadcasts_take_no_time() -> None:
    """A hundred small pages that each send every key stroke by itself would keep one another waiting."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    await engine.clock.advance(1)
    # Between an edit and its broadcast the process does something else for so long.
    asyncio.get_running_loop().call_soon(engine.clock.spend, engine.limits.broadcast_interval)

    assert await frames_of_a_burst(engine, alice, bob) == [1, 0, 1]
    assert str(bob.text) == "abcd"


async def test_a_page_whose_broadcasts_take_no_time_makes_no_edit_wait() -> None:
    """Waiting to bundle pays only where there is something to save."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    await engine.clock.advance(1)

    for character in "abc":
        await alice.write(character)
        assert len(await bob.catch_up()) == 1

    assert str(bob.text) == "abc"


async def test_saved_is_said_after_the_commit_and_never_before() -> None:
    """The rule of the product."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    await engine.saved()
    await alice.catch_up()
    engine.store.gate = asyncio.Event()

    await alice.write("hello")
    await engine.clock.advance(3)
    before = await alice.saved()
    engine.store.gate.set()
    after = await alice.saved()

    assert before is None
    assert after == alice.peer.received
    assert engine.store.text_of(page_id) == "hello"


async def test_repeating_an_edit_that_is_not_yet_committed_is_not_called_saved() -> None:
    """Bob relays what Alice wrote: known to the page, but on no disk."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    await engine.saved()
    await bob.catch_up()
    engine.store.gate = asyncio.Event()

    update = alice.type("hello")
    await alice.send(encode_update(update))
    await engine.clock.advance(1)
    await bob.send(encode_update(update))
    before = await bob.saved()
    engine.store.gate.set()

    assert before is None
    assert await bob.saved() == bob.peer.received


async def test_stock_clients_never_see_our_own_messages() -> None:
    """They log an error for every message type they do not know."""
    engine = Engine()
    page_id = engine.store.make_page()
    stock = await engine.client("Bob", extended=False).join(page_id)
    await stock.write("hello")
    engine.store.fails = store_down()
    await engine.saved()
    engine.store.fails = None
    await engine.clock.advance(10)

    assert not any(isinstance(message, Saved | Notice) for message in await stock.catch_up())


async def test_an_edit_with_a_gap_is_not_applied_and_the_sender_is_asked_for_the_rest() -> None:
    """Applying it would show others a document that no history explains, and a fold would lose it."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    await bob.catch_up()

    alice.type("lost on the way ")
    await alice.send(encode_update(alice.type("arrives")))
    assert await bob.catch_up() == []
    answers = await alice.catch_up()
    await engine.clock.advance(1)
    await bob.catch_up()

    assert [type(message) for message in answers if not isinstance(message, Saved)] == [SyncStep1]
    assert str(bob.text) == "lost on the way arrives"


async def test_nothing_is_acknowledged_while_a_gap_is_open() -> None:
    """Counting the gapped edit as received would call it saved."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    await engine.saved()
    await alice.catch_up()
    acknowledged = alice.peer.saved

    alice.type("lost ")
    await alice.send(encode_update(alice.type("arrives")))
    await engine.saved()

    assert alice.peer.saved == acknowledged
    await alice.catch_up()
    await engine.saved()
    assert alice.peer.saved == alice.peer.received
    assert engine.store.text_of(page_id) == "lost arrives"


async def test_a_viewer_is_told_then_closed_and_nothing_of_it_arrives() -> None:
    """A read-only link that can write is the second complaint of the field."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    carol = await engine.client("Carol", can_edit=False).join(page_id)
    await alice.catch_up()
    await carol.catch_up()

    for attempt in range(3):
        await carol.write(f"{attempt}")

    notices = await carol.notices()
    assert [notice["kind"] for notice in notices] == ["read-only"]
    assert carol.closed_with is not None
    assert carol.closed_with.close_code == CloseCode.NOT_ALLOWED
    await engine.saved()
    assert await alice.catch_up() == []
    assert engine.store.text_of(page_id) == ""


async def test_a_refused_edit_of_a_viewer_is_never_acknowledged() -> None:
    """ "Saved" for something that was thrown away would be the worst lie of all."""
    engine = Engine()
    page_id = engine.store.make_page()
    carol = await engine.client("Carol", can_edit=False).join(page_id)
    await engine.saved()
    acknowledged = carol.peer.saved

    await carol.write("x")
    await engine.saved()

    assert carol.peer.saved == acknowledged


async def test_an_empty_answer_to_our_question_is_no_offence_of_a_viewer() -> None:
    """The protocol makes every client answer sync step 1."""
    engine = Engine()
    page_id = engine.store.make_page()
    carol = await engine.client("Carol", can_edit=False).join(page_id)

    for _ in range(10):
        await carol.send(encode_sync_step2(EMPTY_UPDATE))

    assert carol.closed_with is None
    assert carol.peer.strikes == 0


async def test_joining_brings_only_what_is_missing() -> None:
    """A reconnecting client must not download the page again."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    await alice.write("a" * 5000)
    await alice.catch_up()
    bob = engine.client("Bob")
    bob.doc.apply_update(alice.doc.get_update())
    await alice.write("!")

    await bob.join(page_id)

    assert str(bob.text) == str(alice.text)
    fresh = engine.client("Carol")
    fresh.page = await engine.hub.join(page_id, fresh.peer)
    await fresh.send(encode_sync_step1(bob.doc.get_state()))
    step2 = [message for message in await fresh.catch_up() if isinstance(message, SyncStep2)]
    assert len(step2[0].update) < 50


async def test_a_large_edit_waits_for_the_worker_and_nobody_overtakes_it() -> None:
    """While it is examined elsewhere, the index must not change under it."""
    engine = Engine(worker_parse_bytes=1000)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    engine.analyst.gate = asyncio.Event()

    large = asyncio.create_task(alice.write("L" * 5000))
    await settle()
    small = asyncio.create_task(bob.write("s"))
    await settle()
    assert not small.done()
    engine.analyst.gate.set()
    await asyncio.gather(large, small)
    await engine.saved()
    await alice.catch_up()
    await bob.catch_up()

    assert engine.analyst.extended == 1
    assert str(alice.text) == str(bob.text)
    assert sorted(engine.store.text_of(page_id)) == sorted("L" * 5000 + "s")


async def test_a_malformed_frame_ends_its_sender_and_nobody_else() -> None:
    """One broken client is one broken client."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    mallory = await engine.client("Mallory").join(page_id)

    await mallory.send(b"\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff")
    await alice.write("still here")
    await engine.saved()

    assert mallory.closed_with is not None
    assert mallory.closed_with.close_code == CloseCode.MALFORMED
    assert alice.closed_with is None
    assert engine.store.text_of(page_id) == "still here"


async def test_a_frame_above_the_bound_is_refused_with_our_own_code() -> None:
    """The server's own limit would send stock clients into a loop."""
    engine = Engine(max_frame_bytes=5000, max_update_bytes=5000)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)

    await alice.write("x" * 6000)

    assert alice.closed_with is not None
    assert alice.closed_with.close_code == CloseCode.TOO_LARGE


async def test_a_full_page_stays_readable_and_says_why_it_takes_nothing() -> None:
    """Closing the connection would take the page away from the person who filled it."""
    engine = Engine(max_page_bytes=1000, max_update_bytes=1000)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    await alice.write("x" * 900)
    await engine.saved()
    await alice.catch_up()

    await alice.write("y" * 200)

    assert alice.closed_with is None
    assert [notice["why"] for notice in await alice.notices()] == ["page-full"]
    await engine.saved()
    assert engine.store.text_of(page_id) == "x" * 900
    assert alice.peer.saved < alice.peer.received


async def test_a_slow_reader_is_brought_up_by_one_diff() -> None:
    """Its queue is bounded; what was dropped is not lost to it."""
    engine = Engine(outbox_max_bytes=2000)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    bob.stalled = asyncio.Event()

    for number in range(100):
        await alice.write(f"{number:03} is a line that takes some room\n")
        await engine.clock.advance(0.02)
    assert bob.peer.outbox.waiting_bytes <= 2000
    bob.stalled.set()
    messages = await bob.catch_up()

    assert str(bob.text) == str(alice.text)
    assert sum(isinstance(message, Update) for message in messages) < 60


async def test_a_client_that_takes_nothing_for_a_minute_is_closed() -> None:
    """It would hold its share of memory for ever."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    bob.stalled = asyncio.Event()

    await alice.write("hello")
    await engine.clock.advance(engine.limits.hopeless_after + 5)

    assert bob.peer.closed
    assert not alice.peer.closed


async def test_silence_is_broken_before_stock_clients_give_up() -> None:
    """They reconnect after 30 s without a message; pings do not count for them."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice", extended=False).join(page_id)
    await alice.catch_up()

    heard = []
    for _ in range(5):
        await engine.clock.advance(15)
        heard.append(len(await alice.catch_up()))

    assert all(count >= 1 for count in heard)


async def test_an_update_that_repeats_part_of_the_page_is_trimmed() -> None:
    """What is known already must not be written again and again."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    await alice.write("a" * 3000)
    await engine.saved()

    alice.type("b")
    await alice.send(encode_sync_step2(alice.doc.get_update()))
    await engine.saved()

    assert engine.store.text_of(page_id) == "a" * 3000 + "b"
    assert len(engine.store.pages[page_id][1][-1]) < 100


async def test_deletions_count_as_news() -> None:
    """A state vector cannot show a deletion; a page that looked only there would drop it."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    await alice.write("hello")
    await engine.saved()
    await bob.catch_up()
    before = len(alice._local)

    del alice.text[0:5]
    await alice.send(encode_update(alice._local[before]))
    await engine.saved()
    await bob.catch_up()

    assert str(bob.text) == ""
    assert engine.store.text_of(page_id) == ""


async def test_what_can_break_a_yjs_client_is_refused_before_anybody_hears_it() -> None:
    """Nesting beyond the bound ends browsers and pycrdt alike."""
    engine = Engine(max_depth=8)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    mallory = await engine.client("Mallory").join(page_id)
    await alice.catch_up()
    doc: Doc = Doc()
    array = doc.get("deep", type=Array)
    for _ in range(12):
        inner: Array = Array()
        array.append(inner)
        array = inner

    await mallory.send(encode_update(doc.get_update()))
    await engine.saved()

    assert mallory.closed_with is not None
    assert mallory.closed_with.close_code.is_final
    assert await alice.catch_up() == []
    assert engine.store.commits == []


async def test_awareness_carries_the_servers_word_about_who_somebody_is() -> None:
    """Otherwise anybody could write under anybody's name."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    mallory = await engine.client("Mallory").join(page_id)
    await alice.catch_up()

    claims = AwarenessEntry(mallory.doc.client_id, 1, b'{"user":{"name":"Alice","id":"u:Alice"},"cursor":{"x":1}}')
    await mallory.send(encode_awareness(encode_entries([claims])))
    heard = await alice.awareness()

    assert b'"name":"Mallory"' in heard[-1].payload
    assert b'"cursor":{"x":1}' in heard[-1].payload
    assert b"u:Alice" not in heard[-1].payload


async def test_a_client_cannot_speak_for_another_or_remove_it() -> None:
    """Stock clients repeat what they heard from others: ignored, not punished."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    mine = AwarenessEntry(alice.doc.client_id, 1, b'{"cursor":1}')
    await alice.send(encode_awareness(encode_entries([mine])))
    await bob.send(encode_awareness(encode_entries([AwarenessEntry(bob.doc.client_id, 1, b"{}")])))
    await engine.clock.advance(1)
    await bob.catch_up()

    await bob.send(encode_awareness(encode_entries([AwarenessEntry(alice.doc.client_id, 9, None)])))
    await bob.send(encode_awareness(encode_entries([AwarenessEntry(alice.doc.client_id, 9, b'{"cursor":2}')])))
    await engine.clock.advance(1)
    carol = engine.client("Carol")
    await carol.join(page_id)

    assert not bob.peer.closed
    assert await bob.awareness() == []
    everybody = carol.page.presence.everybody() if carol.page else None
    assert everybody is not None
    assert b'"cursor":1' in everybody
    assert b'"cursor":2' not in everybody


async def test_awareness_is_echoed_to_its_sender() -> None:
    """A lone stock client hears nothing else and would reconnect every 30 s."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    await alice.catch_up()

    await alice.send(encode_awareness(encode_entries([AwarenessEntry(alice.doc.client_id, 1, b"{}")])))

    assert [type(message) for message in await alice.catch_up()] == [Awareness]


async def test_who_leaves_or_falls_silent_is_removed_for_the_others() -> None:
    """Ghost cursors: gone at once after a close, after half a minute without one."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    dead = await engine.client("Carol").join(page_id)
    for client in (bob, dead):
        await client.send(encode_awareness(encode_entries([AwarenessEntry(client.doc.client_id, 1, b"{}")])))
    await engine.clock.advance(1)
    await alice.catch_up()

    bob.leave()
    gone = await alice.awareness()
    await engine.clock.advance(engine.limits.awareness_timeout + 2)
    silent = await alice.awareness()

    removal = encode_entries([AwarenessEntry(bob.doc.client_id, 2, None)])
    assert gone[0].payload == removal
    assert encode_entries([AwarenessEntry(dead.doc.client_id, 2, None)]) in [message.payload for message in silent]


async def test_the_same_person_on_a_new_connection_takes_their_cursor_along() -> None:
    """A reconnect comes before the dead socket is noticed; the cursor must not freeze for half a minute."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    old = await engine.client("Bob").join(page_id)
    entry = AwarenessEntry(old.doc.client_id, 1, b'{"at":"old"}')
    await old.send(encode_awareness(encode_entries([entry])))
    new = await engine.client("Bob").join(page_id)
    await new.send(encode_awareness(encode_entries([AwarenessEntry(old.doc.client_id, 2, b'{"at":"new"}')])))
    await engine.clock.advance(1)
    await alice.catch_up()

    old.leave()
    await engine.clock.advance(1)

    assert await alice.awareness() == []
    everybody = alice.page.presence.everybody() if alice.page else None
    assert everybody is not None
    assert b'"at":"new"' in everybody


async def test_an_awareness_clock_at_the_end_of_all_numbers_stops_nobody() -> None:
    """The server says that somebody left with the next clock; one above the last cannot be written down."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    for clock in (2**53 - 1, 2**52 + 1, 2**52):
        mallory = await engine.client("Mallory").join(page_id)
        entry = AwarenessEntry(mallory.doc.client_id, clock, b"{}")
        await mallory.send(encode_awareness(encode_entries([entry])))
        await alice.write("x")
        mallory.leave()
        await engine.clock.advance(1)
        assert (mallory.closed_with is not None) == (clock > 2**52)

    await engine.client("Bob").join(page_id)
    await alice.write("y")
    await engine.clock.advance(1)
    assert engine.store.text_of(page_id) == "xxxy"


async def test_hostile_awareness_is_refused_without_touching_others() -> None:
    """NaN, arrays and giants would make every browser on the page throw."""
    engine = Engine(awareness_max_state_bytes=1000)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    await alice.catch_up()
    for state in (b'{"x":NaN}', b"[1]", b'"text"', b'{"x":1e999}', b"{" * 400, b'{"x":"' + b"y" * 2000 + b'"}'):
        mallory = await engine.client("Mallory").join(page_id)
        await mallory.send(encode_awareness(encode_entries([AwarenessEntry(mallory.doc.client_id, 1, state)])))
        assert mallory.closed_with is not None, state
        assert mallory.closed_with.close_code.is_final
        mallory.leave()

    assert await alice.awareness() == []


async def test_text_written_by_many_at_once_converges_and_is_on_disk() -> None:
    """The whole point, in small."""
    engine = Engine()
    page_id = engine.store.make_page()
    people = [await engine.client(f"Person {number}").join(page_id) for number in range(5)]

    for round_number in range(20):
        for person in people:
            await person.write(f"{person.peer.rights.user['name']}:{round_number} ", at=0)
        await engine.clock.advance(0.013)
    await engine.saved()
    for person in people:
        await person.catch_up()

    texts = {str(person.text) for person in people}
    assert len(texts) == 1
    assert engine.store.text_of(page_id) == texts.pop()
    doc: Doc = Doc()
    doc.get("text", type=Text)


async def test_a_slow_reader_gets_the_whole_page_even_when_the_answer_to_its_question_was_dropped() -> None:
    """Without the base every later edit would wait in its document for ever."""
    engine = Engine(outbox_max_bytes=2000)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    await alice.write("the beginning " * 50)
    await engine.clock.advance(1)
    bob = engine.client("Bob")
    bob.stalled = asyncio.Event()
    bob.page = await engine.hub.join(page_id, bob.peer)
    await bob.send(encode_sync_step1(bob.doc.get_state()))
    for number in range(50):
        await alice.write(f"{number:03} is a line that takes some room\n")
        await engine.clock.advance(0.02)
    assert bob.peer.outbox.behind

    bob.stalled.set()
    await bob.catch_up()
    await bob.catch_up()

    assert str(bob.text) == str(alice.text)


async def test_a_slow_reader_is_brought_up_by_a_diff_larger_than_its_queue() -> None:
    """The bound is for what waits; the diff that ends the waiting must not be dropped by it again and again."""
    engine = Engine(outbox_max_bytes=2000)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    await alice.send(encode_awareness(encode_entries([AwarenessEntry(alice.doc.client_id, 1, b"{}")])))
    bob.stalled = asyncio.Event()
    for number in range(200):
        await alice.write(f"{number:03} is a line that takes some room\n")
        await engine.clock.advance(0.02)

    bob.stalled.set()
    messages = await bob.catch_up()

    assert str(bob.text) == str(alice.text)
    assert max(len(message.update) for message in messages if isinstance(message, Update)) > 2000
    assert any(isinstance(message, Awareness) for message in messages)
    assert not bob.peer.closed


async def test_a_question_reaches_a_slow_reader_whatever_was_dropped() -> None:
    """Nothing it sends counts as saved until it has answered."""
    engine = Engine(outbox_max_bytes=1000)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    await bob.catch_up()
    bob.stalled = asyncio.Event()
    await alice.write("x" * 600)
    await engine.clock.advance(0.1)
    await alice.write("x" * 600)
    await engine.clock.advance(0.1)
    bob.type("lost on the way ")
    await bob.send(encode_update(bob.type("arrives")))
    for _ in range(10):
        await alice.write("x" * 600)
        await engine.clock.advance(0.1)

    bob.stalled.set()
    for _ in range(3):
        await bob.catch_up()
        await alice.catch_up()
        await engine.clock.advance(0.2)

    assert "lost on the way arrives" in engine.store.text_of(page_id)
    assert bob.peer.saved == bob.peer.received
    assert str(bob.text) == str(alice.text)
