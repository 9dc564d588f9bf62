"""Every bound and every interval of the engine, in one place."""

from __future__ import annotations

from dataclasses import Field, dataclass, fields
from math import inf
from typing import Any

from collab.live.rates import Meter

MIB = 1024 * 1024


class BadLimit(ValueError):
    """A bound or interval that cannot work.

    Attributes:
        field: Its name.
        problem: What is wrong with it, as the rest of a sentence.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds and timings of the engine. Seconds and bytes, unless a name says otherwise."""

    max_frame_bytes: int = 4 * MIB
    """Largest WebSocket message a client may send (close 4413). Must lie below the server's own limit (16 MiB)."""

    max_update_bytes: int = 4 * MIB
    """Largest single Yjs update a client may send (close 4413)."""

    max_page_bytes: int = 64 * MIB
    """Largest page; an edit that would pass it stays with its author, who is told; the page stays readable."""

    max_depth: int = 64
    """Deepest nesting of shared types in a page, counted from its root."""

    max_types: int = 200_000
    """Most nested shared types (elements, paragraphs, table cells, ...) in a page."""

    max_structs: int = 2_000_000
    """Most runs of structs in a page."""

    worker_parse_bytes: int = 16 * 1024
    """Updates above this are parsed in the worker process, so that the event loop does not stall."""

    broadcast_interval: float = 0.01
    """The longest pause a busy page makes between two broadcasts; a quiet one sends at once."""

    flush_interval: float = 0.05
    """Longest time an accepted edit waits before its commit begins."""

    max_batch_rows: int = 100
    """Most log rows in one transaction."""

    max_row_bytes: int = 1 * MIB
    """Edits that wait are merged into one log row up to about this size."""

    max_unsaved_bytes: int = 16 * MIB
    """Edits of one page that may wait for the database; above it further edits stay with their authors."""

    max_unsaved_total_bytes: int = 256 * MIB
    """The same for all pages of this process together."""

    commit_retry: float = 0.5
    """First pause after a failed commit; doubled up to ``commit_retry_max``."""

    commit_retry_max: float = 5.0
    """Longest pause between attempts to commit."""

    commit_patience: float = 5.0
    """A commit that takes longer is reported to people as "not saved" while it goes on."""

    outbox_max_bytes: int = 4 * MIB
    """What may wait for one client; above it the queue is dropped and the client is brought up by one diff later."""

    outbox_max_age: float = 10.0
    """The same, by the age of the oldest frame."""

    hopeless_after: float = 60.0
    """A client that has taken nothing for so long is closed (4508)."""

    awareness_max_state_bytes: int = 16 * 1024
    """Largest awareness state (name, cursor, selection, stroke in progress) of one client."""

    awareness_max_entries: int = 500
    """Most awareness entries in one message, and most clients with a state on one page."""

    awareness_per_second: float = 60.0
    """Awareness messages a second that are taken from one client, two seconds' worth at once. Of more, the newest."""

    awareness_timeout: float = 30.0
    """A state that is not renewed for so long is removed."""

    keep_alive_interval: float = 12.0
    """Something is sent to every client at least this often; stock clients reconnect after 30 s of silence."""

    returns_per_second: float = 200.0
    """How many clients a second are asked to come back when the process stops; none is asked to wait above 5 s."""

    page_idle_grace: float = 30.0
    """How long a page that nobody looks at stays open."""

    max_open_pages: int = 2000
    """Most pages open in one process; the next one is refused with "try again" (4500)."""

    fold_rows: int = 200
    """Log rows of a page after which they are folded into its snapshot."""

    fold_bytes: int = 1 * MIB
    """The same by their size."""

    fold_idle_rows: int = 20
    """Log rows after which a page is folded when nobody looks at it any more."""

    fold_retry: float = 60.0
    """Pause after a fold that failed; doubled up to ``fold_retry_max``."""

    fold_retry_max: float = 3600.0
    """Longest pause between attempts to fold a page."""
    catch_up_interval: float = 4.0
    """How often the log is asked for edits of other processes that the bus did not bring."""

    catch_up_interval_unsure: float = 1.0
    """The same while Redis does not answer."""

    presence_interval: float = 0.05
    """Other processes hear of the cursors on a page at most once in this time."""

    presence_refresh: float = 10.0
    """How often other processes are told of everybody on a page again, in case something was lost."""

    beacon_interval: float = 2.0
    """How often a process tells the others that it lives."""

    process_timeout: float = 25.0
    """A process that has said nothing for so long has ended, and nobody is there any more."""

    bus_max_message_bytes: int = 256 * 1024
    """Largest message to other processes; what is larger they read from the log."""

    bus_max_waiting_bytes: int = 1 * MIB
    """Edits of one page that may wait to be sent to, or taken from, other processes; above it the log is read."""

    read_only_strikes: int = 3
    """Edits a client may send to a page it may only read before it is closed (4403)."""

    max_gapped_updates: int = 1_000
    """Updates that depend on something missing that a client may send at once, and one more a second (close 4429)."""

    max_sockets: int = 20_000
    """Most connections to one process; the next one is told to try again (4500)."""

    max_sockets_per_address: int = 2_000
    """Most connections to one process from one network address (close 4429); a school may have but one."""

    max_sockets_per_person: int = 100
    """Most connections to one process of one account or guest (close 4429); each tab has two."""

    connects_per_second: float = 100.0
    """Connections a second that are let in from one network address, in the long run. What is above waits."""

    connect_burst: int = 1_000
    """So many are let in at once."""

    connect_patience: float = 5.0
    """A connection that would have to wait longer to be let in is refused (close 4429)."""

    owner_patience: float = 5.0
    """How long somebody is waited for under whose client id another one writes. Then the id is anybody's."""

    frames_per_second: float = 500.0
    """Frames a second that are read from one connection, in the long run."""

    bytes_per_second: float = 2.0 * MIB
    """Bytes a second that are read from one connection, in the long run. Frames and bytes draw on one allowance."""

    rate_burst: float = 10.0
    """Seconds' worth of frames and bytes that a connection may send at once. What is above is read more slowly."""

    rate_patience: float = 30.0
    """A connection that had to be slowed for so long without a pause is closed (4429)."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            BadLimit: A value makes no sense, or two contradict each other.
        """
        for field in fields(self):
            _check(field, getattr(self, field.name))
        self._check_together()
        self._check_processes()

    def _check_processes(self) -> None:
        """Refuse what contradicts each other about other processes."""
        if self.process_timeout <= 3 * self.beacon_interval:
            raise BadLimit("process_timeout", "must be above three times COLLAB['beacon_interval']")
        if self.bus_max_waiting_bytes < self.bus_max_message_bytes:
            raise BadLimit("bus_max_waiting_bytes", "cannot be below COLLAB['bus_max_message_bytes']")

    def _check_together(self) -> None:
        """Refuse values that contradict each other."""
        if self.max_update_bytes > self.max_frame_bytes:
            raise BadLimit("max_update_bytes", "cannot be above COLLAB['max_frame_bytes']")
        if self.max_page_bytes < self.max_update_bytes:
            raise BadLimit("max_page_bytes", "cannot be below COLLAB['max_update_bytes']")
        if self.max_unsaved_total_bytes < self.max_unsaved_bytes:
            raise BadLimit("max_unsaved_total_bytes", "cannot be below COLLAB['max_unsaved_bytes']")
        if self.keep_alive_interval > 20:
            raise BadLimit("keep_alive_interval", "must be at most 20: Yjs clients reconnect after 30 s of silence")
        if self.awareness_timeout <= self.keep_alive_interval:
            raise BadLimit("awareness_timeout", "must be above COLLAB['keep_alive_interval']")
        if self.bytes_per_second * self.rate_burst < self.max_frame_bytes:
            raise BadLimit("bytes_per_second", "times COLLAB['rate_burst'] must admit one COLLAB['max_frame_bytes']")
        if self.frames_per_second * self.rate_burst < 10:
            raise BadLimit("frames_per_second", "times COLLAB['rate_burst'] must admit 10 frames: joining takes some")
        if self.awareness_per_second < 0.1:
            raise BadLimit("awareness_per_second", "must be at least 0.1: a state lasts COLLAB['awareness_timeout']")
        if self.max_sockets_per_address > self.max_sockets:
            raise BadLimit("max_sockets_per_address", "cannot be above COLLAB['max_sockets']")
        if self.commit_retry > self.commit_retry_max:
            raise BadLimit("commit_retry", "cannot be above COLLAB['commit_retry_max']")

    def meter(self, now: float) -> Meter:
        """What a new connection may send."""
        return Meter(
            frames_per_second=self.frames_per_second,
            bytes_per_second=self.bytes_per_second,
            burst=self.rate_burst,
            patience=self.rate_patience,
            now=now,
        )


def _check(field: Field[Any], value: object) -> None:
    """Refuse a value that cannot work whatever the others are."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadLimit(field.name, f"must be a number, not {value!r}")
    if field.type == "int" and not isinstance(value, int):
        raise BadLimit(field.name, f"must be a whole number, not {value!r}")
    least = field.metadata.get("least")
    if least is None and not 0 < value < inf:
        raise BadLimit(field.name, f"must be above 0, not {value!r}")
    if least is not None and not least <= value < inf:
        raise BadLimit(field.name, f"must be at least {least}, not {value!r}")
