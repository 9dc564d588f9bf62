"""Pages open and close; trouble in the database; several processes in small."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from collab.errors import CloseCode, Restarting, TroubleHere, UnknownPage
from tests.fakes import Engine, settle, store_down


async def test_a_page_is_loaded_once_however_many_come_at_the_same_moment() -> None:
    """A class of thirty opens the link in the same second."""
    engine = Engine()
    page_id = engine.store.make_page()
    engine.store.gate = asyncio.Event()

    joining = [asyncio.create_task(engine.client(f"P{number}").join(page_id)) for number in range(30)]
    await settle()
    engine.store.gate.set()
    await asyncio.gather(*joining)

    assert engine.store.loads == 1
    assert engine.hub.open_pages == 1


async def test_a_load_that_fails_refuses_and_the_next_one_may_succeed() -> None:
    """An empty page instead would be edited, saved, and mistaken for the truth."""
    engine = Engine()
    page_id = engine.store.make_page()
    engine.store.fails = TroubleHere("disk")
    with pytest.raises(TroubleHere) as caught:
        await engine.client("Alice").join(page_id)
    assert caught.value.close_code == CloseCode.TROUBLE

    engine.store.fails = None
    alice = await engine.client("Alice").join(page_id)

    assert alice.page is not None


async def test_damaged_rows_refuse_the_page_instead_of_serving_half_of_it() -> None:
    """A bit flip in the database is for the operator to mend, not for editors to overwrite."""
    engine = Engine()
    page_id = engine.store.make_page(b"\x01\x02\x03 not an update")

    with pytest.raises(TroubleHere):
        await engine.client("Alice").join(page_id)


async def test_an_unknown_page_is_refused() -> None:
    """There is no page that comes into being by being asked for."""
    engine = Engine()
    with pytest.raises(UnknownPage):
        await engine.client("Alice").join(uuid4())


async def test_a_page_closes_after_its_grace_and_opens_again_with_everything() -> None:
    """Memory follows use; content does not."""
    engine = Engine(page_idle_grace=30)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    await alice.write("hello")
    await engine.saved()
    alice.leave()
    await engine.clock.advance(10)
    assert engine.hub.open_pages == 1

    await engine.clock.advance(30)

    assert engine.hub.open_pages == 0
    bob = await engine.client("Bob").join(page_id)
    assert str(bob.text) == "hello"


async def test_a_page_with_unsaved_edits_never_closes() -> None:
    """Its author may be gone for good; these bytes are the only copy."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    engine.store.fails = store_down()
    await alice.write("the only copy")
    alice.leave()

    await engine.clock.advance(300)
    assert engine.hub.open_pages == 1
    engine.store.fails = None
    await engine.clock.advance(60)

    assert engine.store.text_of(page_id) == "the only copy"
    assert engine.hub.open_pages == 0


async def test_while_the_database_is_down_people_are_told_and_nothing_is_lost() -> None:
    """Edits stay in the bounded queue; the page says "not saved"; nothing is acknowledged."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    await engine.saved()
    await alice.catch_up()
    await bob.catch_up()
    engine.store.fails = store_down()

    await alice.write("kept ")
    await engine.clock.advance(1)
    told = await alice.notices()
    await alice.write("in order")
    await engine.clock.advance(20)
    assert await alice.saved() is None
    engine.store.fails = None
    await engine.clock.advance(10)

    assert [notice["kind"] for notice in told] == ["not-saved"]
    assert [notice["kind"] for notice in await alice.notices()][-1:] == ["saved-again"]
    assert alice.peer.saved == alice.peer.received
    await bob.catch_up()
    assert str(bob.text) == "kept in order"
    assert engine.store.text_of(page_id) == "kept in order"


async def test_a_commit_that_hangs_is_reported_within_six_seconds() -> None:
    """A database that neither answers nor fails looks like "saving" for ever."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    await engine.saved()
    await alice.catch_up()
    engine.store.gate = asyncio.Event()

    await alice.write("hello")
    await engine.clock.advance(6)

    assert [notice["kind"] for notice in await alice.notices()] == ["not-saved"]
    engine.store.gate.set()
    await engine.clock.advance(1)
    assert [notice["kind"] for notice in await alice.notices()] == ["saved-again"]


async def test_above_the_bound_edits_stay_with_their_author_and_are_asked_for_later() -> None:
    """The queue is bounded, and at the bound nothing is dropped silently."""
    engine = Engine(max_unsaved_bytes=2000, max_unsaved_total_bytes=10**6)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    await engine.saved()
    await alice.catch_up()
    engine.store.fails = store_down()

    for number in range(40):
        await alice.write(f"line {number:02}: " + "x" * 100 + "\n")
        await engine.clock.advance(0.1)
    page = alice.page
    assert page is not None
    assert page.saving.waiting_bytes <= 2000
    assert "queue-full" in [notice.get("why") for notice in await alice.notices()]
    engine.store.fails = None
    for _ in range(5):
        await engine.clock.advance(5)
        await alice.catch_up()
        await bob.catch_up()

    assert str(bob.text) == str(alice.text)
    assert engine.store.text_of(page_id) == str(alice.text)
    assert alice.peer.saved == alice.peer.received


async def test_one_page_that_cannot_be_written_does_not_hold_up_the_others() -> None:
    """Fifty healthy pages beside a poisoned one miss nothing."""
    engine = Engine()
    poisoned = engine.store.make_page()
    healthy = [engine.store.make_page() for _ in range(10)]
    engine.store.fails_for[poisoned] = TroubleHere("this row")
    mallory = await engine.client("Mallory").join(poisoned)
    people = [await engine.client(f"P{number}").join(page_id) for number, page_id in enumerate(healthy)]

    await mallory.write("poison")
    for person in people:
        await person.write("fine")
    await engine.clock.advance(5)

    assert [engine.store.text_of(page_id) for page_id in healthy] == ["fine"] * 10
    assert engine.store.text_of(poisoned) == ""
    assert [notice["kind"] for notice in await mallory.notices()][-1] == "not-saved"


async def test_a_page_that_was_replaced_closes_its_editors() -> None:
    """Merging the old history into the new content would double it."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    engine.store.pages[page_id] = (2, [])

    await alice.write("to the old epoch")
    await engine.saved()

    assert alice.closed_with is not None
    assert alice.closed_with.close_code == CloseCode.REPLACED
    assert engine.hub.open_pages == 0
    assert engine.store.text_of(page_id) == ""


async def test_a_page_that_was_deleted_closes_its_editors() -> None:
    """They are told that it is gone; it does not come back by being typed into."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    del engine.store.pages[page_id]

    await alice.write("into the void")
    await engine.saved()

    assert alice.closed_with is not None
    assert alice.closed_with.close_code == CloseCode.UNKNOWN


async def test_ending_a_page_closes_everybody_on_it_at_once() -> None:
    """An administrator deleted it; whoever only looks at it must hear of it too."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    await alice.write("not yet committed")

    engine.hub.end(page_id, UnknownPage("deleted"))
    engine.hub.end(uuid4(), UnknownPage("never there"))
    await engine.saved()

    assert [client.closed_with.close_code for client in (alice, bob) if client.closed_with] == [CloseCode.UNKNOWN] * 2
    assert engine.hub.open_pages == 0
    assert engine.store.commits == []


async def test_draining_saves_what_was_accepted_and_says_so_before_it_closes() -> None:
    """Ctrl+C in the middle of a sentence."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    await alice.write("mid-sentence")

    draining = asyncio.create_task(engine.hub.drain(5))
    await engine.clock.advance(1)
    saved = await draining

    assert saved
    assert engine.store.text_of(page_id) == "mid-sentence"
    assert alice.closed_with is not None
    assert alice.closed_with.close_code == CloseCode.RESTARTING
    assert alice.peer.saved == alice.peer.received
    with pytest.raises(Restarting):
        await engine.client("Bob").join(page_id)
    await engine.hub.stop()


async def test_a_crowd_is_asked_to_come_back_one_after_the_other() -> None:
    """A process that has just started cannot load every page and admit everybody in its first tenth of a second."""
    engine = Engine(returns_per_second=10)
    page_id = engine.store.make_page()
    crowd = [await engine.client(f"P{number}").join(page_id) for number in range(30)]

    await engine.hub.drain(5)

    pauses = [
        float(str(notice["retry_after"]))
        for client in crowd
        for notice in await client.notices()
        if notice["kind"] == "draining"
    ]
    assert len(pauses) == 30
    assert len(set(pauses)) > 20
    assert all(0 <= pause <= 3 for pause in pauses)
    await engine.hub.stop()


async def test_a_client_that_does_not_read_does_not_hold_up_the_end() -> None:
    """The server has ten seconds; somebody asleep behind a dead link must not take them all."""
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)

    async def never(_: object) -> None:
        await asyncio.Event().wait()

    bob.peer._close = never
    began = asyncio.get_running_loop().time()

    assert await engine.hub.drain(5)

    assert asyncio.get_running_loop().time() - began < 3
    assert alice.closed_with is not None
    await engine.hub.stop()


async def test_too_many_pages_are_refused_unless_an_idle_one_can_go() -> None:
    """The bound is on pages in use, not on pages visited."""
    engine = Engine(max_open_pages=2)
    pages = [engine.store.make_page() for _ in range(3)]
    await engine.client("Alice").join(pages[0])
    bob = await engine.client("Bob").join(pages[1])
    with pytest.raises(TroubleHere):
        await engine.client("Carol").join(pages[2])

    bob.leave()
    await engine.client("Carol").join(pages[2])

    assert engine.hub.open_pages == 2
