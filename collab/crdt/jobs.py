"""The worker process: reads requests on its standard input, writes replies on its standard output.

The only place that builds Yjs documents. ``python -m collab.crdt`` runs it at low priority under a memory cap; when the
owner goes away the input ends and so does this process. A hostile update may end it at any time: jobs keep nothing
between requests.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import BinaryIO

from collab.crdt.fold import fold, hold, sift_log, verify
from collab.crdt.frames import HEADER, checked_count, checked_length, encode_parts
from collab.crdt.index import index_updates, judge
from collab.crdt.merge import merge
from collab.crdt.seed import seed_board, seed_document
from collab.errors import CollabError
from collab.wire import (
    FindingKind,
    PageLimits,
    PageStructure,
    UpdateLimits,
    encode_state_vector,
)

Job = Callable[[list[bytes]], list[bytes]]


def index(parts: list[bytes]) -> list[bytes]:
    """``[JSON list of depth, types, structs; update, ...]`` to ``[merged update, PageStructure dump]``."""
    depth, types, structs = json.loads(parts[0])
    content, page = index_updates(parts[1:], PageLimits(max_depth=depth, max_types=types, max_structs=structs))
    return [content, page.dump()]


def merge_parts(parts: list[bytes]) -> list[bytes]:
    """``[update, ...]`` to ``[merged update]``."""
    return [merge(parts)]


def extend(parts: list[bytes]) -> list[bytes]:
    """Judge one update: ``[largest update in bytes, PageStructure dump, update]`` to
    ``[kind, from clocks, to clocks, the part that is new, new dump]``.
    """
    page = PageStructure.load(parts[1])
    finding, rest = judge(page, parts[2], UpdateLimits(max_bytes=int(parts[0])))
    dump = b""
    if finding.kind is FindingKind.NEW:
        page.add(finding.addition)
        dump = page.dump()
    return [
        finding.kind.name.encode(),
        encode_state_vector({client: start for client, (start, _) in finding.advances.items()}),
        encode_state_vector({client: end for client, (_, end) in finding.advances.items()}),
        rest,
        dump,
    ]


JOBS: dict[str, Job] = {
    "index": index,
    "merge": merge_parts,
    "extend": extend,
    "sift": sift_log,
    "fold": fold,
    "verify": verify,
    "hold": hold,
    "seed_board": seed_board,
    "seed_document": seed_document,
}


def main(requests: BinaryIO, replies: BinaryIO) -> None:
    """Serve requests until the owner goes away, which may be in the middle of one."""
    with contextlib.suppress(BrokenPipeError, EOFError):
        while True:
            name, *parts = _read(requests)
            replies.write(encode_parts(_reply(name.decode(), parts)))
            replies.flush()


def _reply(name: str, parts: list[bytes]) -> list[bytes]:
    try:
        return [b"ok", *JOBS[name](parts)]
    except CollabError as error:
        return [b"error", type(error).__name__.encode(), str(error).encode()]
    except BaseException as error:
        # pycrdt's panic is a BaseException. The document that raised is gone with the stack; the next job is safe.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        return [b"error", type(error).__name__.encode(), str(error).encode(errors="replace")]


def _read(requests: BinaryIO) -> list[bytes]:
    count = checked_count(_read_exactly(requests, HEADER.size))
    return [_read_exactly(requests, checked_length(_read_exactly(requests, HEADER.size))) for _ in range(count)]


def _read_exactly(requests: BinaryIO, size: int) -> bytes:
    content = requests.read(size)
    if len(content) < size:
        raise EOFError
    return content
