"""Opening a page whose log is damaged."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pycrdt import Doc, Text

from collab.crdt.worker import WorkerCrashed
from collab.errors import TroubleHere
from collab.live.limits import Limits
from collab.live.ports import IndexedPage, StoredPage
from collab.live.recovery import MAX_DEADLY_ROWS, REFUSED_FOR, Recovery
from tests.fakes import Engine, FakeClock, LocalAnalyst, MemoryStore


def typed(words: str, client: int = 1) -> list[bytes]:
    """One row for each letter; each depends on the one before."""
    doc: Doc = Doc(client_id=client)
    text = doc.get("text", type=Text)
    rows = []
    for letter in words:
        before = doc.get_state()
        text.insert(len(text), letter)
        rows.append(doc.get_update(before))
    return rows


class Deadly(LocalAnalyst):
    """A worker process that some rows end."""

    def __init__(self, *deadly: bytes) -> None:
        super().__init__(Limits())
        self.deadly = set(deadly)
        self.crashes = 0

    async def index(self, updates: Sequence[bytes]) -> IndexedPage:
        if self.deadly & set(updates):
            self.crashes += 1
            raise WorkerCrashed("the worker process was lost during index")
        return await super().index(updates)


def recovery(store: MemoryStore, analyst: LocalAnalyst | None = None, clock: FakeClock | None = None) -> Recovery:
    one = analyst or LocalAnalyst(Limits())
    return Recovery(store=store, analyst=one, rescuer=one, clock=clock or FakeClock())


async def test_a_row_that_ends_the_worker_is_put_aside_and_the_rest_is_served() -> None:
    """One hostile row must not take everybody's page away."""
    rows = [*typed("a page of many letters"), *typed("x", client=2), *typed("and more", client=3)]
    store, analyst = MemoryStore(), Deadly(rows[22])
    page_id = store.make_page(*rows)

    stored, indexed = await recovery(store, analyst).read(page_id)

    assert store.put_aside[page_id] == {23: "the worker process was lost during index"}
    assert page_id in store.marked
    assert stored.updates == [*rows[:22], *rows[23:]]
    assert indexed.content
    assert analyst.crashes < 10


async def test_what_depends_on_a_row_that_was_put_aside_goes_with_it() -> None:
    """It cannot be applied; what does not depend on it can."""
    rows = [*typed("abcde"), *typed("xyz", client=2)]
    store = MemoryStore()
    page_id = store.make_page(*rows[:2], b"\xff garbage", *rows[3:])

    stored, _ = await recovery(store).read(page_id)

    assert list(store.put_aside[page_id]) == [3, 4, 5]
    assert stored.updates == [*rows[:2], *rows[5:]]


async def test_a_page_of_which_nothing_is_left_is_refused_and_not_looked_at_again_for_a_while() -> None:
    """An empty page would be edited; and every visitor would start the search anew."""
    store, clock = MemoryStore(), FakeClock()
    page_id = store.make_page(b"\xff", *typed("abc")[1:])
    one = recovery(store, clock=clock)

    for _ in range(3):
        with pytest.raises(TroubleHere, match="no row"):
            await one.read(page_id)

    assert (store.loads, store.put_aside) == (1, {})
    assert "no row" in store.marked[page_id]
    await clock.advance(REFUSED_FOR + 1)
    store.pages[page_id] = (1, typed("abc"))
    await one.read(page_id)


async def test_what_may_still_come_is_waited_for_and_nothing_is_put_aside() -> None:
    """Processes commit in any order."""
    store = MemoryStore()
    rows = typed("abc")
    page_id = store.make_page(*rows[1:])
    store.may_still_come = True
    one = recovery(store)

    with pytest.raises(TroubleHere, match="still come"):
        await one.read(page_id)
    assert (store.put_aside, store.marked) == ({}, {})
    store.pages[page_id] = (1, [*rows[1:], rows[0]])
    stored, _ = await one.read(page_id)

    assert len(stored.updates) == 3


async def test_a_damaged_snapshot_refuses_the_page() -> None:
    """What is left after it is not the page."""

    class WithSnapshot(MemoryStore):
        async def load(self, page_id: object) -> StoredPage:
            rows = typed("abcd")
            return StoredPage(
                page_id=page_id,  # type: ignore[arg-type]
                epoch=1,
                sequence=4,
                updates=rows,
                sequences=[1, 2, 3, 4],
                has_snapshot=True,
                damaged={0: "its checksum is wrong"},
            )

    store = WithSnapshot()
    page_id = store.make_page()

    with pytest.raises(TroubleHere, match="snapshot"):
        await recovery(store).read(page_id)

    assert "checksum" in store.marked[page_id]
    assert store.put_aside == {}


async def test_a_worker_that_died_for_another_reason_costs_no_row() -> None:
    """The machine was short of memory, or somebody killed it."""

    class Unlucky(Deadly):
        async def index(self, updates: Sequence[bytes]) -> IndexedPage:
            if not self.crashes:
                self.crashes += 1
                raise WorkerCrashed("the worker process was lost during index")
            return await super().index(updates)

    store = MemoryStore()
    page_id = store.make_page(*typed("abc"))

    stored, _ = await recovery(store, Unlucky()).read(page_id)

    assert len(stored.updates) == 3
    assert (store.put_aside, store.marked) == ({}, {})


async def test_a_page_full_of_deadly_rows_is_given_up() -> None:
    """The search is bounded."""
    rows = [typed("x", client=client)[0] for client in range(1, MAX_DEADLY_ROWS + 10)]
    store, analyst = MemoryStore(), Deadly(*rows[3:])
    page_id = store.make_page(*rows)

    with pytest.raises(TroubleHere, match="more than"):
        await recovery(store, analyst).read(page_id)

    assert store.put_aside == {}
    assert analyst.crashes < 100


async def test_people_get_what_is_left_of_a_damaged_page_and_edit_it() -> None:
    """Through the hub, as they open it."""
    engine = Engine()
    rows = [*typed("abcde"), *typed("xyz", client=2)]
    page_id = engine.store.make_page(*rows[:4], b"\xff", *rows[5:])

    bob = await engine.client("Bob").join(page_id)
    await bob.write("!")
    await engine.saved()

    assert sorted(str(bob.text)) == sorted("abcdxyz!")
    assert await bob.saved()


async def test_somebody_who_still_has_what_was_put_aside_brings_it_back() -> None:
    """Browsers keep what they wrote and send what the server lacks."""
    engine = Engine()
    rows = typed("abcde")
    page_id = engine.store.make_page(*rows[:2], b"\xff", *rows[3:])
    alice = engine.client("Alice")
    for row in rows:
        alice.doc.apply_update(row)

    await alice.join(page_id)
    bob = await engine.client("Bob").join(page_id)

    assert str(bob.text) == "abcde"
