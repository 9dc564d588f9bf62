"""How much one connection may send, and what becomes of one that sends more."""

from __future__ import annotations

import asyncio

import pytest

from collab.errors import CloseCode, TooMany
from collab.live.rates import FRAMES_PER_TURN, Bucket, Meter
from collab.wire import (
    Awareness,
    AwarenessEntry,
    decode_entries,
    encode_awareness,
    encode_entries,
    encode_query_awareness,
    encode_sync_step2,
)
from tests.fakes import Client, Engine, settle


def meter(**changes: float) -> Meter:
    values = {"frames_per_second": 10.0, "bytes_per_second": 1000.0, "burst": 2.0, "patience": 5.0, "now": 0.0}
    return Meter(**{**values, **changes})


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket = Bucket(10.0, 2.0)
    given = 0
    while not bucket.wait(100.0):
        bucket.take(100.0)
        given += 1

    assert given == 20
    assert bucket.wait(100.0) == pytest.approx(0.1)
    assert not bucket.is_full(101.9)
    assert bucket.is_full(102.0)


def test_frames_and_bytes_draw_on_one_allowance() -> None:
    """Many small frames cost as much work as a few large ones."""
    by_frames, by_bytes = meter(), meter(frames_per_second=1e9)
    frames = [by_frames.charge(0, 0.0) for _ in range(30)]
    large = [by_bytes.charge(100, 0.0) for _ in range(30)]

    assert 10 <= sum(bool(pause) for pause in frames) <= 11
    assert 10 <= sum(bool(pause) for pause in large) <= 11


def test_others_get_their_turn_while_somebody_uses_up_a_burst() -> None:
    """A server hands over everything it has read of one connection without a pause between."""
    one = meter(frames_per_second=1e6)
    pauses = [one.charge(0, 0.0) for _ in range(10 * FRAMES_PER_TURN)]

    assert pauses.count(0.0) == 10


def test_who_is_slowed_for_long_without_a_pause_must_go() -> None:
    one = meter()
    now = 0.0
    gone_at = None
    while gone_at is None:
        try:
            now += one.charge(50, now) or 0.0
        except TooMany:
            gone_at = now

    assert 5.0 < gone_at < 6.0


def test_who_pauses_in_between_may_stay_for_ever() -> None:
    """A paste a minute is work, not a flood."""
    one = meter()
    now = 0.0
    for _ in range(100):
        for _ in range(40):
            now += one.charge(0, now) or 0.0
        now += 4.0


async def flood(client: Client, frame: bytes, count: int) -> None:
    for _ in range(count):
        await client.send(frame)
        if client.peer.closed:
            return


async def test_what_comes_too_fast_is_read_more_slowly_and_nothing_is_lost() -> None:
    engine = Engine(frames_per_second=10, rate_burst=2)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)

    async def type_on() -> None:
        for number in range(50):
            await alice.write(f"{number} ")

    typing = asyncio.create_task(type_on())
    await settle()
    at_once = len(str(alice.text).split())
    await engine.clock.advance(10)
    await typing
    await engine.saved()

    assert 10 <= at_once <= 20
    assert engine.store.text_of(page_id) == "".join(f"{number} " for number in range(50))
    assert alice.closed_with is None


@pytest.mark.parametrize(
    "frame", [encode_query_awareness(), encode_sync_step2(b"\x00\x00"), encode_awareness(encode_entries([]))]
)
async def test_a_flood_of_anything_is_slowed_and_then_closed_with_the_reason(frame: bytes) -> None:
    engine = Engine(frames_per_second=10, rate_burst=2, rate_patience=5)
    page_id = engine.store.make_page()
    mallory = await engine.client("Mallory").join(page_id)

    flooding = asyncio.create_task(flood(mallory, frame, 10_000))
    for _ in range(100):
        await engine.clock.advance(0.1)
    await flooding

    assert mallory.closed_with is not None
    assert mallory.closed_with.close_code == CloseCode.TOO_MANY
    assert mallory.closed_with.reason == "too-many"


async def test_a_large_paste_is_not_slowed() -> None:
    engine = Engine()
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)

    before = engine.clock.now()
    await alice.write("x" * (engine.limits.max_update_bytes - 1000))

    assert engine.clock.now() == before
    assert alice.closed_with is None


async def test_cursors_that_come_too_fast_are_thinned_and_the_last_one_arrives() -> None:
    """Somebody with a fast mouse is no offender; where it stopped is what counts."""
    engine = Engine(awareness_per_second=10)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    await alice.catch_up()
    heard: list[Awareness] = []

    for number in range(200):
        entry = AwarenessEntry(bob.doc.client_id, number + 1, b'{"at":%d}' % number)
        await bob.send(encode_awareness(encode_entries([entry])))
        await engine.clock.advance(0.001)
        heard += await alice.awareness()
    await engine.clock.advance(1)
    heard += await alice.awareness()

    assert len(heard) <= 2 * 10 + 5
    (last,) = decode_entries(heard[-1].payload, max_entries=9, max_state_bytes=999)
    assert last.state is not None
    assert b'"at":199' in last.state
    assert bob.closed_with is None


async def test_cursors_that_wait_leave_with_their_person() -> None:
    engine = Engine(awareness_per_second=1)
    page_id = engine.store.make_page()
    alice = await engine.client("Alice").join(page_id)
    bob = await engine.client("Bob").join(page_id)
    for number in range(10):
        await bob.send(encode_awareness(encode_entries([AwarenessEntry(bob.doc.client_id, number + 1, b"{}")])))

    bob.leave()
    await engine.clock.advance(5)

    assert alice.page is not None
    assert alice.page.presence.late == {}
    assert alice.page.presence.everybody() is None
