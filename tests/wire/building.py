"""Updates built by hand, struct by struct, for what no Yjs client would write."""

from __future__ import annotations

from collab.wire.varint import write_string, write_var_uint

Id = tuple[int, int]
ORIGIN, RIGHT, KEY = 0x80, 0x40, 0x20


def ident(reference: Id) -> bytes:
    return write_var_uint(reference[0]) + write_var_uint(reference[1])


def item(
    content: bytes,
    reference: int,
    *,
    origin: Id | None = None,
    right: Id | None = None,
    parent: str | Id | None = None,
    key: str | None = None,
) -> bytes:
    """One item. ``content`` is what follows the head for content kind ``reference``."""
    info, head = reference, b""
    if origin is not None:
        info |= ORIGIN
        head += ident(origin)
    if right is not None:
        info |= RIGHT
        head += ident(right)
    if origin is None and right is None:
        head += b"\x01" + write_string(parent) if isinstance(parent, str) else b"\x00" + ident(parent or (0, 0))
        if key is not None:
            info |= KEY
            head += write_string(key)
    return bytes((info,)) + head + content


def text(words: str, **place: object) -> bytes:
    return item(write_string(words), 4, **place)  # type: ignore[arg-type]


def shared_type(kind: int = 1, **place: object) -> bytes:
    return item(write_var_uint(kind), 7, **place)  # type: ignore[arg-type]


def deleted(length: int, **place: object) -> bytes:
    return item(write_var_uint(length), 1, **place)  # type: ignore[arg-type]


def collected(length: int) -> bytes:
    return b"\x00" + write_var_uint(length)


def skipped(length: int) -> bytes:
    return b"\x0a" + write_var_uint(length)


def block(client: int, clock: int, *structs: bytes) -> bytes:
    return write_var_uint(len(structs)) + write_var_uint(client) + write_var_uint(clock) + b"".join(structs)


def update(*blocks: bytes, deletes: dict[int, list[tuple[int, int]]] | None = None) -> bytes:
    """A whole update; ``deletes`` are clock and length."""
    ranges = deletes or {}
    tail = write_var_uint(len(ranges))
    for client, parts in ranges.items():
        tail += write_var_uint(client) + write_var_uint(len(parts))
        tail += b"".join(write_var_uint(clock) + write_var_uint(length) for clock, length in parts)
    return write_var_uint(len(blocks)) + b"".join(blocks) + tail
