"""Updates that no honest client sent: bytes flipped, and structs whose references, lengths and kinds were changed.

The second kind matters most: it is well-formed, so only what the page holds can tell that it is impossible.
"""

from __future__ import annotations

import random

from collab.wire import PageStructure
from collab.wire.varint import write_bytes, write_string, write_var_uint

KEYS = ("__proto__", "toString", "toJSON", "constructor", "guid", "gc", "gcFilter", "meta", "autoLoad", "shouldLoad")
VALUES = (b"\x7e", b"\x7f", b"\x7d\x05", b"\x76\x00", b"\x75\x01\x7e", b"\x74\x01a", b"\x77\x01a", b"\x7a" + bytes(8))
TEXTS = ("null", "[]", '{"__proto__":null}', '{"toJSON":1,"toString":null}', '"\\u0000"', "-0", "1e308")

CONTENTS = (
    lambda rng: (1, write_var_uint(rng.randrange(1, 5))),
    lambda rng: (2, write_var_uint(1) + write_string("[1]")),
    lambda rng: (3, write_bytes(b"\x01\x02")),
    lambda rng: (4, write_string(rng.choice(["a", "hello", "字", "👍"]))),
    lambda rng: (5, write_string('{"image":1}')),
    lambda rng: (6, write_string("bold") + write_string(rng.choice(["true", "null"]))),
    lambda rng: (7, write_var_uint(rng.choice([0, 1, 2, 4, 6]))),
    lambda rng: (7, write_var_uint(rng.choice([3, 5])) + write_string("p")),
    lambda rng: (8, write_var_uint(2) + b"\x7e\x78"),
    lambda rng: (9, write_string("guid") + b"\x76\x00"),
    lambda rng: (9, write_string("guid") + b"\x76\x01" + write_string(rng.choice(KEYS)) + rng.choice(VALUES)),
    lambda rng: (8, b"\x01\x76\x01" + write_string(rng.choice(KEYS)) + rng.choice(VALUES)),
    lambda rng: (6, write_string(rng.choice(KEYS)) + write_string(rng.choice(TEXTS))),
    lambda rng: (5, write_string(rng.choice(TEXTS))),
)


def mutated(rng: random.Random, update: bytes, other: bytes, page: PageStructure) -> bytes:
    """One candidate."""
    kind = rng.random()
    if kind < 0.25:
        return flipped(rng, update)
    if kind < 0.35:
        at, from_other = rng.randrange(len(update)), rng.randrange(len(other))
        return update[:at] + other[from_other:]
    if kind < 0.4:
        return update[: rng.randrange(len(update))]
    return forged(rng, page)


def flipped(rng: random.Random, update: bytes) -> bytes:
    changed = bytearray(update)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        at = rng.randrange(len(changed))
        changed[at] = rng.choice([changed[at] ^ (1 << rng.randrange(8)), rng.randrange(256), 0, 1, 0x7F])
    return bytes(changed)


def forged(rng: random.Random, page: PageStructure) -> bytes:
    """A well-formed update with references to anything at all."""
    clients = list(page.state_vector)
    blocks = b""
    authors = rng.sample(clients, min(len(clients), rng.choice([1, 1, 1, 2])))
    if rng.random() < 0.3:
        authors.append(rng.randrange(1, 2**31))
    if rng.random() < 0.9:
        authors.sort(reverse=True)
    for client in authors:
        clock = max(0, page.state_vector.get(client, 0) - rng.choice([0, 0, 0, 0, 1, 2]))
        structs = [_struct(rng, page) for _ in range(rng.randrange(1, 5))]
        blocks += write_var_uint(len(structs)) + write_var_uint(client) + write_var_uint(clock) + b"".join(structs)
    deletes = b""
    victims = rng.sample(clients, rng.randrange(min(3, len(clients) + 1)))
    for client in victims:
        end = page.state_vector[client]
        start = rng.randrange(end)
        length = rng.randrange(1, end - start + 1)
        deletes += write_var_uint(client) + b"\x01" + write_var_uint(start) + write_var_uint(length)
    return write_var_uint(len(authors)) + blocks + write_var_uint(len(victims)) + deletes


def _some_id(rng: random.Random, page: PageStructure) -> bytes:
    client = rng.choice(list(page.state_vector)) if rng.random() < 0.95 else rng.randrange(2**31)
    end = page.state_vector.get(client, 1)
    clock = rng.choice([rng.randrange(end), rng.randrange(end), 0, end - 1, end])
    return write_var_uint(client) + write_var_uint(max(clock, 0))


def _struct(rng: random.Random, page: PageStructure) -> bytes:
    kind = rng.random()
    if kind < 0.12:
        return (b"\x00" if kind < 0.1 else b"\x0a") + write_var_uint(rng.randrange(1, 4))
    reference, content = rng.choice(CONTENTS)(rng)
    shape = rng.choice(["left", "between", "right", "named", "inside"])
    info, head = reference, b""
    if shape in ("left", "between"):
        info |= 0x80
        head += _some_id(rng, page)
    if shape in ("right", "between"):
        info |= 0x40
        head += _some_id(rng, page)
    if shape == "named":
        head = b"\x01" + write_string(rng.choice(["text", "map", "list", "xml", "new"]))
    elif shape == "inside":
        head = b"\x00" + _some_id(rng, page)
    if rng.random() < 0.3:
        info |= 0x20
        if shape in ("named", "inside"):
            head += write_string(rng.choice(["a", "b", "k"]))
    return bytes((info,)) + head + content
