"""The parser of updates: what it reads, and what it refuses without knowing the page."""

from __future__ import annotations

from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from collab.errors import CollabError, ImpossibleUpdate, MalformedFrame, TooLarge
from collab.wire import EMPTY_UPDATE, UpdateLimits, parse_update
from collab.wire.update import StructKind
from collab.wire.varint import write_bytes, write_string, write_var_int, write_var_uint
from tests.wire.building import block, collected, deleted, item, shared_type, skipped, text, update

ME = 7


def one(struct: bytes, clock: int = 5) -> bytes:
    return update(block(ME, clock, struct))


def values(*encoded: bytes) -> bytes:
    return item(write_var_uint(len(encoded)) + b"".join(encoded), 8, parent="r")


def test_what_pycrdt_writes_is_read() -> None:
    """Maps, lists, text with marks, XML, deletions."""
    doc: Doc = Doc(client_id=ME)
    words = doc.get("text", type=Text)
    words += "hello 👍"
    words.format(0, 3, {"bold": True})
    del words[1:2]
    things = doc.get("map", type=Map)
    things["a"] = Map({"b": [1, 2.5, None, True, "x", {"y": 1}]})
    things["a"] = Array([1])
    xml = doc.get("xml", type=XmlFragment)
    xml.children.append(XmlElement("p", {"k": "v"}, contents=[XmlText("in")]))

    parsed = parse_update(doc.get_update())

    last = parsed.structs[ME][-1]
    assert sum(struct.length for struct in parsed.structs[ME]) == last.clock + last.length
    assert parsed.deletes[ME]
    assert {struct.kind for struct in parsed.structs[ME]} >= {StructKind.TYPE, StructKind.OTHER}


def test_the_empty_update_is_empty() -> None:
    """Every client sends it when it has nothing new."""
    parsed = parse_update(EMPTY_UPDATE)
    assert (parsed.structs, parsed.deletes) == ({}, {})


def test_text_is_measured_in_utf16_units() -> None:
    """As JavaScript counts; another count would shift every clock after it."""
    (struct,) = parse_update(one(text("a字👍", parent="r"))).structs[ME]
    assert struct.length == 4


def test_references_and_kinds_are_read_as_they_stand() -> None:
    """Dependencies decide whether an update can be applied."""
    structs = parse_update(
        update(
            block(
                ME,
                5,
                text("ab", origin=(1, 2), right=(3, 4)),
                shared_type(3, parent=(1, 0), key="k")[:-1] + b"\x03" + write_string("p"),
                deleted(2, right=(1, 1)),
                collected(3),
                skipped(4),
                item(b"\x02\x01\x02", 3, parent="r", key="k"),
                item(write_string("{}"), 5, parent="r"),
                item(write_string("bold") + write_string("true"), 6, parent="r"),
                item(write_string("guid") + b"\x76\x00", 9, parent="r"),
            ),
        )
    ).structs[ME]
    assert [(struct.clock, struct.length, struct.kind.name) for struct in structs] == [
        (5, 2, "OTHER"),
        (7, 1, "TYPE"),
        (8, 2, "DELETED"),
        (10, 3, "GC"),
        (13, 4, "SKIP"),
        (17, 1, "OTHER"),
        (18, 1, "OTHER"),
        (19, 1, "OTHER"),
        (20, 1, "OTHER"),
    ]
    assert (structs[0].origin, structs[0].right_origin, structs[0].parent) == ((1, 2), (3, 4), None)
    assert (structs[1].parent, structs[5].parent) == ((1, 0), "r")


VALUES = [
    b"\x7f",
    b"\x7e",
    b"\x7d" + write_var_int(-5),
    b"\x7c" + b"\x00" * 4,
    b"\x7b" + b"\x00" * 8,
    b"\x7a" + b"\x00" * 8,
    b"\x79",
    b"\x78",
    b"\x77" + write_string("text"),
    b"\x76\x01" + write_string("key") + b"\x75\x01\x7e",
    b"\x74" + write_bytes(b"\x00\xff"),
]


def test_every_kind_of_value_is_read() -> None:
    """The tags of lib0's writeAny."""
    (struct,) = parse_update(one(values(*VALUES))).structs[ME]
    assert struct.length == len(VALUES)


@pytest.mark.parametrize("value", VALUES)
def test_a_value_that_is_cut_is_refused(value: bytes) -> None:
    """At every length."""
    whole = one(values(value))
    for length in range(len(whole)):
        with pytest.raises(CollabError):
            parse_update(whole[:length])


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x01",
        EMPTY_UPDATE + b"!",
        update(block(ME, 0, text("a", parent="r")), block(ME, 1, text("b", parent="r"))),
        update(deletes={ME: [(0, 1)]})[:-1],
        b"\x00\x02" + b"\x07\x01\x00\x01" * 2,
        one(b"\x20\x01"),
        one(b"\x2a\x01"),
        one(b"\x04\x02" + write_string("r") + write_string("x")),
        one(item(b"\x01" + write_string("[1]"), 2, parent="r")),
        one(item(b"", 11, parent="r")),
        one(shared_type(5, parent="r")),
        one(shared_type(7, parent="r")),
        one(values(b"\x73")),
        one(item(write_string("guid") + b"\x7e", 9, parent="r")),
        one(item(write_string("{"), 5, parent="r")),
        one(item(b"\xff\xff\x7f", 8, parent="r")),
        one(values(b"\x75\xff\xff\x7f")),
        b"\xff\x7f\x00",
        b"\x01\xff\x7f\x07\x00\x00",
        b"\x00\xff\x7f",
        b"\x00\x01\x07\xff\x7f",
        one(item(b"\x01\xff", 4, parent="r")),
        one(item(b"\x01\xff" + write_string("true"), 6, parent="r")),
        one(item(b"\x03\x01\xff", 7, parent="r")),
        one(values(b"\x77\x01\xff")),
        one(values(b"\x76\x01\x01\xff\x7e")),
        one(item(b"\x01\xff\x76\x00", 9, parent="r")),
    ],
)
def test_bytes_that_follow_no_format_are_refused(payload: bytes) -> None:
    """Yjs or Yrs would throw on each of them, or read something else than was meant."""
    with pytest.raises(MalformedFrame):
        parse_update(payload)


@pytest.mark.parametrize(
    "payload",
    [
        one(collected(0)),
        one(skipped(0)),
        one(text("", parent="r")),
        one(deleted(0, parent="r")),
        one(values()),
        update(deletes={ME: [(3, 0)]}),
        update(deletes={ME: [(2**31 - 2, 5)]}),
        one(collected(2**31)),
        one(text("a", origin=(1, 2**31))),
        one(text("a", origin=(ME, 5))),
        one(text("a", right=(ME, 9))),
        one(text("a", parent=(ME, 5))),
        update(block(1, 0, collected(1)), block(2, 0, collected(1))),
    ],
)
def test_what_no_client_can_have_made_is_refused(payload: bytes) -> None:
    """Nothing is empty, nothing depends on itself, no clock passes 31 bits, the highest client id comes first."""
    with pytest.raises(ImpossibleUpdate):
        parse_update(payload)


def subdocument(options: bytes) -> bytes:
    return one(item(write_string("id") + options, 9, parent="r"))


@pytest.mark.parametrize("key", ["guid", "gcFilter", "__proto__"])
def test_options_that_overwrite_a_subdocument_are_refused(key: str) -> None:
    """With ``guid: null`` every client throws whenever it encodes the page, also in the event of the edit itself."""
    parse_update(subdocument(b"\x76\x01" + write_string("meta") + b"\x76\x01" + write_string("guid") + b"\x7e"))
    with pytest.raises(ImpossibleUpdate):
        parse_update(subdocument(b"\x76\x01" + write_string(key) + b"\x7e"))


def test_a_value_that_replaces_a_prototype_is_refused_at_any_depth() -> None:
    """Bytes as the prototype pass for bytes until they are encoded: from then on everybody's encoding throws."""
    disguised = b"\x76\x01" + write_string("__proto__") + b"\x74" + write_bytes(b"a")
    for value in (disguised, b"\x75\x01" + disguised, b"\x76\x01" + write_string("k") + disguised):
        with pytest.raises(ImpossibleUpdate):
            parse_update(one(values(value)))
    parse_update(one(values(b"\x76\x02" + write_string("guid") + b"\x7e" + write_string("ключ") + b"\x7e")))


BOUNDED: list[tuple[dict[str, Any], bytes]] = [
    ({"max_bytes": 3}, one(text("a", parent="r"))),
    ({"max_clients": 1}, update(block(2, 0, collected(1)), block(1, 0, collected(1)))),
    ({"max_clients": 1}, update(deletes={1: [(0, 1)], 2: [(0, 1)]})),
    ({"max_structs": 1}, update(block(1, 0, collected(1), collected(1)))),
    ({"max_delete_ranges": 1}, update(deletes={1: [(0, 1), (2, 1)]})),
    ({"max_value_depth": 2}, one(values(b"\x75\x01\x75\x01\x75\x00"))),
    ({"max_value_depth": 2}, one(values(b"\x76\x01\x00\x76\x01\x00\x76\x00"))),
    ({"max_value_depth": 2}, one(item(write_string("id") + b"\x76\x01\x00\x76\x01\x00\x76\x00", 9, parent="r"))),
]


@pytest.mark.parametrize(("bounds", "payload"), BOUNDED)
def test_every_bound_is_kept(bounds: dict[str, Any], payload: bytes) -> None:
    """Above it the update is refused, below it read."""
    parse_update(payload)
    with pytest.raises(TooLarge):
        parse_update(payload, UpdateLimits(**bounds))
