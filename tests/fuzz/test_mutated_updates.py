"""Whatever our parser lets through, real Yjs takes without throwing, and pycrdt merges and cuts."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from collab.crdt.index import index_updates, judge
from collab.crdt.merge import merge, missing_from
from collab.errors import CollabError, ImpossibleUpdate
from collab.wire import (
    DEFAULT_LIMITS,
    EMPTY_UPDATE,
    FindingKind,
    PageLimits,
    PageStructure,
    encode_state_vector,
    examine,
    parse_update,
)
from collab.wire.varint import write_bytes, write_string
from tests.fuzz.mutations import mutated
from tests.fuzz.oracle import Oracle
from tests.services import Node
from tests.wire.building import block, item
from tests.wire.building import update as one_update

pytestmark = pytest.mark.services
PER_DOCUMENT = 250


@pytest.fixture(scope="module")
def oracle(node: Node) -> Iterator[Oracle]:
    with Oracle(node) as one:
        yield one


def test_what_breaks_yjs_at_every_encoding_is_refused(oracle: Oracle) -> None:
    """Found by reading lib0: the first two make every client throw, the third only leads it astray."""
    proto = b"\x76\x01" + write_string("__proto__")
    broken = {
        "a subdocument without a guid": item(
            write_string("id") + b"\x76\x01" + write_string("guid") + b"\x7e", 9, parent="list"
        ),
        "an object that passes for bytes": item(b"\x01" + proto + b"\x74" + write_bytes(b"a"), 8, parent="list"),
        "an object without a prototype": item(b"\x01" + proto + b"\x7e", 8, parent="list"),
    }
    for what, struct in broken.items():
        update = one_update(block(7, 0, struct))
        (thrown,) = oracle.apply(EMPTY_UPDATE, [update])
        assert (thrown is None) == (what == "an object without a prototype"), what
        with pytest.raises(ImpossibleUpdate):
            parse_update(update)


def a_page(oracle: Oracle, seed: int) -> tuple[PageStructure, bytes, list[bytes], list[bytes]]:
    """What a page in the middle of its life knows, as index and as bytes, edits that would come next, and all edits."""
    made = oracle.rich(seed, steps=40)
    cut = len(made["updates"]) * 2 // 3
    page = PageStructure()
    taken: list[bytes] = []
    coming: list[bytes] = []
    for number, update in enumerate(made["updates"]):
        finding = examine(page, parse_update(update))
        if number < cut and finding.kind is FindingKind.NEW:
            page.add(finding.addition)
            taken.append(update)
        elif number >= cut:
            coming.append(update)
    return page, merge(taken), coming, made["updates"]


def mutate_and_apply(oracle: Oracle, rng: random.Random, documents: int) -> dict[str, int]:
    """Mutate, and hold everything that is accepted against Yjs and pycrdt; returns how many there were of what."""
    counts = {"refused": 0, "known": 0, "gap": 0, "new": 0}
    for _ in range(documents):
        seed = rng.randrange(2**31)
        page, base, coming, known = a_page(oracle, seed)
        accepted: list[bytes] = []
        for _ in range(PER_DOCUMENT):
            candidate = mutated(rng, rng.choice(coming), rng.choice(known), page)
            try:
                finding, new = judge(page, candidate, DEFAULT_LIMITS)
            except CollabError:
                counts["refused"] += 1
                continue
            counts[finding.kind.value] += 1
            if finding.kind is not FindingKind.NEW:
                continue
            merge([base, new])
            missing_from(new, encode_state_vector(page.state_vector))
            accepted.append(new)
        for candidate, thrown in zip(accepted, oracle.apply(base, accepted), strict=True):
            assert thrown is None, f"seed {seed}: base {base.hex()} update {candidate.hex()}: {thrown}"
    return counts


def test_yjs_takes_every_mutated_update_that_we_accept(oracle: Oracle, rng: random.Random) -> None:
    """One accepted update that makes Yjs throw would break the page for everybody who joins later."""
    counts = mutate_and_apply(oracle, rng, 10)

    print(counts)
    assert counts["new"] > 50
    assert counts["refused"] > 50


@pytest.mark.full
def test_yjs_takes_every_one_of_ten_thousand(oracle: Oracle, rng: random.Random) -> None:
    """The same, long."""
    counts = mutate_and_apply(oracle, rng, 10_000 // PER_DOCUMENT)

    print(counts)
    assert sum(counts.values()) == 10_000


def mutate_and_go_on(oracle: Oracle, rng: random.Random, documents: int) -> int:
    """Mutate, and give one Yjs document everything that is accepted, one after the other; returns how much that was."""
    count = 0
    for _ in range(documents):
        seed = rng.randrange(2**31)
        page, base, coming, known = a_page(oracle, seed)
        accepted: list[bytes] = []
        for _ in range(PER_DOCUMENT):
            candidate = mutated(rng, rng.choice(coming), rng.choice(known), page)
            try:
                finding, new = judge(page, candidate, DEFAULT_LIMITS)
            except CollabError:
                continue
            if finding.kind is FindingKind.NEW:
                page.add(finding.addition)
                accepted.append(new)
        thrown = oracle.chain(base, accepted)
        assert thrown is None, f"seed {seed}: base {base.hex()} updates {[one.hex() for one in accepted]}: {thrown}"
        whole = merge([base, *accepted])
        content, again = index_updates([whole], PageLimits())
        assert again.state_vector == page.state_vector, seed
        missing_from(content, encode_state_vector(page.state_vector))
        count += len(accepted)
    return count


def test_yjs_takes_every_mutated_update_after_every_other(oracle: Oracle, rng: random.Random) -> None:
    """What one leaves behind must not make the next one fatal, with garbage collection and without."""
    count = mutate_and_go_on(oracle, rng, 10)

    print(count)
    assert count > 50


@pytest.mark.full
def test_yjs_takes_long_sequences_on_two_hundred_documents(oracle: Oracle, rng: random.Random) -> None:
    """The same, long."""
    print(mutate_and_go_on(oracle, rng, 200))
