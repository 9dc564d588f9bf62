"""The benchmark works: what it sends are edits, what it counts arrives, what it writes is a table. Never a timing."""

from __future__ import annotations

import ast
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from pycrdt import Doc, Text, merge_updates

from bench import report
from bench.dialects import Hocuspocus, Ours, Place
from bench.edits import TOKEN, Author
from bench.history import long_history
from bench.plan import Load, make_plan
from bench.search import RateSearch
from bench.websocket import client_frame, frame_bounds
from collab.wire import parse_update

ROOT = Path(__file__).resolve().parents[2]


def test_two_clients_hear_each_other_and_a_table_comes_out(tmp_path: Path) -> None:
    """The whole way once: server command, pages, joining, edits, deliveries, acknowledgements, result, table."""
    output = tmp_path / "result.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "smoke", "--output", str(output)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("COLLAB_", "DJANGO_"))},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    (measurement,) = json.loads(output.read_text())["measurements"]
    ours = measurement["servers"]["ours"]
    assert ours["missing"] == 0
    assert ours["deliveries_per_second"] > 0
    assert ours["acknowledged_p95"] > 0
    assert "| 1 page x 2 clients for a second | server CPU per delivery |" in done.stdout


def test_edits_are_yjs_updates_that_hold_their_tokens() -> None:
    """A server that checked nothing would take anything; these are what it would get from people."""
    alice, bob = Author(1), Author(2**32 - 1)
    updates = [alice.edit(0), bob.edit(1), alice.edit(2), alice.edit(3), bob.edit(4)]

    for order in (updates, [merge_updates(*updates)]):
        doc: Doc[Text] = Doc()
        for update in order:
            doc.apply_update(update)
        words = TOKEN.findall(str(doc.get("bench", type=Text)).encode())
        assert sorted(int(word, 16) for word in words) == [0, 1, 2, 3, 4]


def test_the_long_history_is_a_valid_update_of_about_the_operations_asked_for(rng: random.Random) -> None:
    """A server that cannot read it would look fast."""
    doc: Doc[Text] = Doc()
    doc.apply_update(history := long_history(20_000, rng))
    text = str(doc.get("bench", type=Text))

    assert 7_500 < len(text) < 8_600
    assert doc.get_update() != b"\x00\x00"
    assert parse_update(history).deletes


def test_tokens_survive_merging_in_the_bytes() -> None:
    """The generator looks for them in what arrives, whatever a server made of it."""
    alice = Author(77)
    updates = [alice.edit(number) for number in range(300)]

    assert len(set(TOKEN.findall(merge_updates(*updates)))) == 300


@pytest.mark.parametrize("dialect", [Ours(), Hocuspocus()])
def test_a_plan_is_the_same_for_the_same_seed(dialect: Ours | Hocuspocus) -> None:
    """Otherwise the servers would not be measured under the same load."""
    load = Load(pages=2, clients=3, edits=50, presence=1, warm_up=0.5, measured=1.0)
    places = [Place("a", "token"), Place("b", "token")]
    one, other = (make_plan(load, places, dialect, random.Random(5)) for _ in range(2))

    assert (one.due, one.client, one.edit, one.frames) == (other.due, other.client, other.edit, other.frames)
    assert sum(one.edits_of_page) == 75
    assert list(one.due) == sorted(one.due)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65535, 65536])
def test_frames_are_masked_and_their_bounds_are_found(length: int) -> None:
    """Servers refuse frames of a client that are not masked."""
    payload, mask = random.Random(length).randbytes(length), b"\x01\x02\x03\x04"
    frame = client_frame(payload, mask)
    header = len(frame) - length
    unmasked = bytes([frame[0], frame[1] & 0x7F]) + frame[2 : header - 4]

    assert frame[header - 4 : header] == mask
    assert bytes(byte ^ mask[index % 4] for index, byte in enumerate(frame[header:])) == payload
    assert frame_bounds(unmasked + payload, 0) == (header - 4, header - 4 + length)
    assert frame_bounds((unmasked + payload)[:-1], 0) is None


@pytest.mark.parametrize("limit", [3.0, 99.0, 100.0, 5000.0])
def test_the_search_comes_close_to_what_a_server_can_do(limit: float) -> None:
    search = RateSearch(100.0)
    steps = 0
    while (rate := search.next_rate()) is not None:
        search.record(rate, passed=rate <= limit)
        steps += 1

    assert search.best is not None
    assert limit / 1.1 <= search.best <= limit
    assert steps <= 14


def test_a_server_that_does_nothing_ends_the_search() -> None:
    search = RateSearch(100.0)
    while (rate := search.next_rate()) is not None:
        search.record(rate, passed=False)

    assert search.best is None


def test_the_document_has_one_place_for_figures() -> None:
    """What the command writes replaces what it wrote before, and nothing else."""
    document = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    once = report.insert(document, "| one |")
    twice = report.insert(once, "| two |")

    assert twice.count("| two |") == 1
    assert "| one |" not in twice
    assert report.insert(twice, "| one |") == once


def test_the_product_does_not_import_the_benchmark() -> None:
    for folder in ("collab", "config"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not any(name.split(".")[0] == "bench" for name in names), path
