"""What real Yjs writes is never refused, and the index says about it what Yjs says."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from collab.crdt.index import index_updates
from collab.crdt.merge import merge, missing_from
from collab.errors import CollabError
from collab.wire import (
    SNAPSHOT_LIMITS,
    FindingKind,
    PageLimits,
    PageStructure,
    decode_state_vector,
    encode_state_vector,
    examine,
    parse_update,
)
from tests.fuzz.oracle import Oracle
from tests.services import Node

pytestmark = pytest.mark.services
DOCUMENTS = 12


@pytest.fixture(scope="module")
def oracle(node: Node) -> Iterator[Oracle]:
    with Oracle(node) as one:
        yield one


def take(page: PageStructure, update: bytes) -> FindingKind:
    finding = examine(page, parse_update(update, SNAPSHOT_LIMITS))
    if finding.kind is FindingKind.NEW:
        page.add(finding.addition)
    return finding.kind


def test_updates_in_their_order_are_all_taken_and_known_when_repeated(oracle: Oracle, rng: random.Random) -> None:
    """A refused edit is a lost edit; a repeated one must cost nothing."""
    for _ in range(DOCUMENTS):
        seed = rng.randrange(2**31)
        made = oracle.rich(seed)
        page = PageStructure()
        late = [update for update in made["updates"] if take(page, update) is FindingKind.GAP]
        while late:
            before = len(late)
            late = [update for update in late if take(page, update) is FindingKind.GAP]
            assert len(late) < before, f"seed {seed}: some updates never fit"
        assert page.state_vector == decode_state_vector(made["vector"]), seed
        assert all(take(page, update) is FindingKind.KNOWN for update in made["updates"]), seed


def test_merged_cut_and_collected_forms_are_read_too(oracle: Oracle, rng: random.Random) -> None:
    """Servers and clients merge, diff and garbage-collect; each form must be understood, and by pycrdt as well."""
    for _ in range(DOCUMENTS):
        seed = rng.randrange(2**31)
        made = oracle.rich(seed)
        vector = decode_state_vector(made["vector"])
        for name in ("merged", "snapshot"):
            page = PageStructure()
            assert take(page, made[name]) is FindingKind.NEW, (seed, name)
            assert page.state_vector == vector, (seed, name)
            assert take(page, made[name]) is FindingKind.KNOWN, (seed, name)
        for diff in made["diffs"]:
            parse_update(diff)
        parse_update(made["partial"])
        parse_update(made["uncollected"])
        shuffled = list(made["updates"])
        rng.shuffle(shuffled)
        content, page = index_updates(shuffled, PageLimits())
        assert page.state_vector == vector, seed
        assert missing_from(content, encode_state_vector(vector))


def test_one_merged_update_gives_the_same_index_as_its_parts(oracle: Oracle, rng: random.Random) -> None:
    """A page that was reopened must judge like one that stayed open."""
    for _ in range(DOCUMENTS):
        seed = rng.randrange(2**31)
        made = oracle.rich(seed)
        whole, parts = PageStructure(), PageStructure()
        take(whole, made["merged"])
        waiting = list(made["updates"])
        while waiting:
            waiting = [update for update in waiting if take(parts, update) is FindingKind.GAP]
        for client, end in whole.state_vector.items():
            for clock in range(end):
                one, other = whole.at(client, clock), parts.at(client, clock)
                assert one[0] == other[0] or {one[0], other[0]} <= {0, 1, 5, 6}, (seed, client, clock)
        assert whole.depth == parts.depth, seed


def test_withholding_what_an_update_needs_is_a_gap_and_never_an_error(oracle: Oracle, rng: random.Random) -> None:
    """Then the sender is asked for the rest; refusing would end an honest connection."""
    for _ in range(DOCUMENTS):
        seed = rng.randrange(2**31)
        made = oracle.rich(seed)
        for kept in range(6):
            page = PageStructure()
            sample = [update for update in made["updates"] if rng.random() < 0.5]
            rng.shuffle(sample)
            for update in sample:
                take(page, update)
            merged = merge(sample)
            content = parse_update(merged, SNAPSHOT_LIMITS)
            assert examine(page, content).kind in FindingKind, (seed, kept)


def test_the_index_survives_its_way_through_another_process(oracle: Oracle, rng: random.Random) -> None:
    """The worker sends it as bytes."""
    made = oracle.rich(rng.randrange(2**31))
    page = PageStructure()
    take(page, made["snapshot"])

    again = PageStructure.load(page.dump())

    assert again.dump() == page.dump()
    assert again.state_vector == page.state_vector
    assert take(again, made["snapshot"]) is FindingKind.KNOWN


def test_updates_of_the_second_format_are_refused(oracle: Oracle, rng: random.Random) -> None:
    """Read as the first format they would mean something else."""
    refused = 0
    for _ in range(DOCUMENTS):
        made = oracle.rich(rng.randrange(2**31))
        try:
            parse_update(made["v2"])
        except CollabError:
            refused += 1
    assert refused == DOCUMENTS
