"""Client ids whose connection is in another process: what somebody there has on the way cannot be overwritten here."""

from __future__ import annotations

from collab.errors import CloseCode
from collab.live.ownership import PATIENCE_ELSEWHERE
from collab.wire import AwarenessEntry, encode_awareness, encode_entries, encode_sync_step2, encode_update
from tests.bus.conftest import Start, on_page
from tests.clients.hostile import text_item, update
from tests.fakes import Client
from tests.network import Processes


async def show(client: Client, client_id: int | None = None) -> None:
    """Say in awareness who one is."""
    entry = AwarenessEntry(client_id or client.doc.client_id, 1, b"{}")
    await client.send(encode_awareness(encode_entries([entry])))


async def hear_for(processes: Processes, seconds: float, *people: Client) -> None:
    """Let time pass and everybody hear and answer everything."""
    passed = 0.0
    while passed < seconds:
        step = min(0.5, seconds - passed)
        await processes.clock.advance(step)
        passed += step
        for person in people:
            if not person.peer.closed:
                await person.catch_up()


async def test_a_forger_in_another_process_erases_nothing_and_is_closed_in_the_end(start: Start) -> None:
    """With one process in front of a forger and another in front of the victim, nobody would be asked."""
    processes = start()
    page_id, (alice, mallory) = await on_page(processes, "Alice", "Mallory")
    await show(alice)
    await alice.write("seen ")
    await hear_for(processes, 1, alice, mallory)

    on_the_way = alice.type("on the way")
    forged = update({alice.doc.client_id: (5, [text_item("x" * 120)])})
    await mallory.send(encode_update(forged))
    await hear_for(processes, 1, mallory)
    await alice.send(encode_update(on_the_way))
    await hear_for(processes, 1, alice, mallory)

    assert processes.store.text_of(page_id) == "seen on the way"
    assert alice.peer.saved == alice.peer.received
    assert mallory.closed_with is None, "whoever passes on what others wrote must be given time"
    for _ in range(int(PATIENCE_ELSEWHERE / 10) + 2):
        await show(alice)
        await hear_for(processes, 10, alice, mallory)
    assert mallory.closed_with is not None
    assert mallory.closed_with.close_code == CloseCode.NOT_ALLOWED
    assert alice.closed_with is None


async def test_naming_an_id_from_another_process_in_awareness_gives_nothing(start: Start) -> None:
    processes = start()
    page_id, (alice, mallory) = await on_page(processes, "Alice", "Mallory")
    await show(alice)
    await hear_for(processes, 1, alice, mallory)

    await show(mallory, alice.doc.client_id)
    await mallory.send(encode_update(update({alice.doc.client_id: (0, [text_item("forged")])})))
    await hear_for(processes, 1, alice, mallory)

    assert mallory.peer.client_id is None
    assert processes.store.text_of(page_id) == ""


async def test_what_is_passed_on_for_somebody_in_another_process_is_taken_once_that_has_it(start: Start) -> None:
    """After a crash others may be back before the author; what they have of the author's is no forgery."""
    processes = start()
    page_id, (alice, bob) = await on_page(processes, "Alice", "Bob")
    await show(alice)
    await hear_for(processes, 1, alice, bob)

    on_the_way = alice.type("hello")
    bob.hear(on_the_way)
    await bob.send(encode_sync_step2(on_the_way))
    await bob.write(" Alice")
    await hear_for(processes, 1, bob)
    assert bob.peer.saved < bob.peer.received
    await alice.send(encode_update(on_the_way))
    await hear_for(processes, 3, alice, bob)

    assert processes.store.text_of(page_id) == "hello Alice"
    assert bob.closed_with is None
    assert bob.peer.saved == bob.peer.received


async def test_what_is_passed_on_for_somebody_whose_process_died_is_taken_once_that_is_forgotten(start: Start) -> None:
    """The author never comes back; what others hold of the author's last words must not be refused."""
    processes = start()
    page_id, (alice, bob) = await on_page(processes, "Alice", "Bob")
    await show(alice)
    await hear_for(processes, 1, alice, bob)
    await processes.engines[0].hub._writer.stop()
    processes.network.links[0].kill()

    last_words = alice.type("last words")
    bob.hear(last_words)
    await bob.send(encode_sync_step2(last_words))
    await hear_for(processes, 40, bob)

    assert processes.store.text_of(page_id) == "last words"
    assert bob.closed_with is None
    assert bob.peer.saved == bob.peer.received


async def test_a_person_who_moves_to_another_process_writes_on_at_once(start: Start) -> None:
    """The same person on a new connection, before the old process has noticed that the old one is dead."""
    processes = start()
    page_id, (alice, _) = await on_page(processes, "Alice", "Bob")
    await show(alice)
    await hear_for(processes, 1, alice)

    moved = await alice.on_a_new_connection(processes.engines[1]).join(page_id)
    await moved.write("still here")
    await hear_for(processes, 1, moved)

    assert processes.store.text_of(page_id) == "still here"
    assert moved.peer.saved == moved.peer.received


async def test_the_id_of_a_viewer_or_of_a_program_in_another_process_stands_against_nobody(start: Start) -> None:
    """A viewer has nothing on the way; a program is somebody new on every connection, also after its server died."""
    for options in ({"can_edit": False}, {"lasting": False}):
        processes = start()
        page_id = processes.store.make_page()
        await processes.clock.advance(1)
        other = await processes.engines[0].client("Other", **options).join(page_id)
        bob = await processes.engines[1].client("Bob").join(page_id)
        await show(other)
        await hear_for(processes, 1, other, bob)

        await bob.send(encode_update(update({other.doc.client_id: (0, [text_item("earlier")])})))
        await hear_for(processes, 1, other, bob)

        assert processes.store.text_of(page_id) == "earlier"
