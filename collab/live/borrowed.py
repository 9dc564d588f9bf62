"""Updates that another process accepted and that have not been seen in the log yet.

What that process has not committed dies with it. A row of ours that depended on such an update would then leave the log
with a hole, and the page could not be loaded any more. So whoever writes something that depends on borrowed updates
writes them along; and what has not appeared in the log after a while is written by whoever shows it to people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from collab.live.outbox import Advances
from collab.wire import SNAPSHOT_LIMITS, ParsedUpdate, parse_update
from collab.wire.structure import DeletedRanges
from collab.wire.varint import write_var_uint

PATIENCE = 10.0
"""How long another process may take to commit what it accepted before somebody else does."""


@dataclass(frozen=True, slots=True)
class _Loan:
    update: bytes
    advances: Advances
    deletes: dict[int, list[tuple[int, int]]]
    since: float


class Borrowed:
    """The borrowed updates of one page, oldest first.

    Attributes:
        waiting_bytes: Size of all of them.
    """

    __slots__ = ("_loans", "_starts", "waiting_bytes")

    def __init__(self) -> None:
        self._loans: list[_Loan] = []
        self._starts: dict[int, int] = {}
        """For each client id the first borrowed clock."""
        self.waiting_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._loans)

    def add(self, update: bytes, advances: Advances, now: float) -> None:
        """Note an update that was taken from another process."""
        deletes = parse_update(update, SNAPSHOT_LIMITS).deletes if _may_delete(update) else {}
        self._loans.append(_Loan(update, advances, deletes, now))
        self.waiting_bytes += len(update)
        for client_id, (start, _) in advances.items():
            self._starts.setdefault(client_id, start)

    def are_needed_by(self, update: bytes) -> bool:
        """Whether an update of ours refers to something borrowed."""
        starts = self._starts
        if not any(write_var_uint(client_id) in update for client_id in starts):
            # Most edits build on their author's own: looking for the bytes of an id is a hundred times quicker.
            return False
        parsed = parse_update(update, SNAPSHOT_LIMITS)
        return any(clock >= starts[client_id] for client_id, clock in _references(parsed) if client_id in starts)

    def take_all(self) -> list[bytes]:
        """Give up all of them: they are about to be written here."""
        updates = [loan.update for loan in self._loans]
        self._keep([])
        return updates

    def are_overdue(self, now: float) -> bool:
        """Whether one of them should have been in the log long ago."""
        return bool(self._loans) and now - self._loans[0].since > PATIENCE

    def see(self, rows: Iterable[bytes]) -> None:
        """Give up those that these rows of the log contain."""
        if not self._loans:
            return
        ends: dict[int, int] = {}
        deleted: dict[int, DeletedRanges] = {}
        for row in rows:
            parsed = parse_update(row, SNAPSHOT_LIMITS)
            for client_id, structs in parsed.structs.items():
                if structs:
                    end = structs[-1].clock + structs[-1].length
                    ends[client_id] = max(end, ends.get(client_id, 0))
            for client_id, ranges in parsed.deletes.items():
                deleted.setdefault(client_id, DeletedRanges()).add_all(ranges)
        self._keep([loan for loan in self._loans if not _is_in(loan, ends, deleted)])

    def _keep(self, loans: list[_Loan]) -> None:
        self._loans = loans
        self.waiting_bytes = sum(len(loan.update) for loan in loans)
        self._starts = {}
        for loan in loans:
            for client_id, (start, _) in loan.advances.items():
                self._starts.setdefault(client_id, start)


def _may_delete(update: bytes) -> bool:
    """Whether its last part, the deleted ranges, is more than the number 0: no range ends with a 0."""
    return not update.endswith(b"\x00")


def _references(parsed: ParsedUpdate) -> Iterator[tuple[int, int]]:
    """Client id and clock of everything that an update builds upon or deletes."""
    for client_id, structs in parsed.structs.items():
        if structs and structs[0].clock:
            yield client_id, structs[0].clock - 1
        for struct in structs:
            if struct.origin is not None:
                yield struct.origin
            if struct.right_origin is not None:
                yield struct.right_origin
            if isinstance(struct.parent, tuple):
                yield struct.parent
    for client_id, ranges in parsed.deletes.items():
        for _, end in ranges:
            yield client_id, end - 1


def _is_in(loan: _Loan, ends: dict[int, int], deleted: dict[int, DeletedRanges]) -> bool:
    if any(ends.get(client_id, 0) < end for client_id, (_, end) in loan.advances.items()):
        return False
    return all(
        client_id in deleted and deleted[client_id].covers(start, end)
        for client_id, ranges in loan.deletes.items()
        for start, end in ranges
    )
