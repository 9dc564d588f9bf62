"""What is sent and when, decided before the clock runs. Edits come at random moments, as people's do."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from bench.dialects import Dialect, Place, awareness_message, edit_message
from bench.edits import MAX_EDITS, Author
from bench.websocket import client_frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one measurement asks of a server. Seconds, and numbers per second.

    Attributes:
        pages: How many pages are in use.
        clients: How many clients each of them has.
        edits: Edits per second, all pages together.
        presence: Awareness messages per second of each client.
        warm_up: How long edits flow before anything is counted.
        measured: How long is counted.
    """

    pages: int
    clients: int
    edits: float
    presence: float = 0.0
    warm_up: float = 1.0
    measured: float = 5.0

    @property
    def connections(self) -> int:
        """Clients on all pages."""
        return self.pages * self.clients

    @property
    def readers(self) -> int:
        """How many clients each edit is delivered to."""
        return self.clients - 1


@dataclass(slots=True)
class Plan:
    """Frames in order of their time. Clients are numbered page by page.

    Attributes:
        due: When each is sent, from the start on.
        client: Who sends it.
        edit: Number of the edit on its page, or -1 for awareness.
        frames: The bytes.
        edits_of_page: How many edits each page gets.
        authors: For each page who writes each edit.
    """

    due: array[float]
    client: array[int]
    edit: array[int]
    frames: list[bytes]
    edits_of_page: list[int]
    authors: list[array[int]]


def make_plan(load: Load, places: Sequence[Place], dialect: Dialect, rng: random.Random) -> Plan:
    """Decide everything that is sent.

    Args:
        places: One for each page.
        rng: Two plans of one seed are the same, but for what the dialects demand.
    """
    duration = load.warm_up + load.measured
    moments = _moments(load.edits, duration, rng)
    events = [(moment, False, rng.randrange(load.connections)) for moment in moments]
    if load.presence:
        moments = _moments(load.presence * load.connections, duration, rng)
        events.extend((moment, True, rng.randrange(load.connections)) for moment in moments)
        events.sort()
    people = [Author(client_id) for client_id in rng.sample(range(1, 2**32), load.connections)]
    prefixes = [dialect.prefix(place) for place in places]
    plan = Plan(array("d"), array("l"), array("l"), [], [0] * load.pages, [array("l") for _ in places])
    for moment, is_presence, client in events:
        page = client // load.clients
        if is_presence:
            edit, message = -1, awareness_message(people[client].presence(rng.randrange(2000), rng.randrange(2000)))
        else:
            edit = plan.edits_of_page[page]
            message = edit_message(people[client].edit(edit))
            plan.edits_of_page[page] += 1
            plan.authors[page].append(client)
        plan.due.append(moment)
        plan.client.append(client)
        plan.edit.append(edit)
        plan.frames.append(client_frame(prefixes[page] + message, rng.randbytes(4)))
    if max(plan.edits_of_page) > MAX_EDITS:
        raise ValueError(f"more than {MAX_EDITS} edits on one page")
    return plan


def _moments(rate: float, duration: float, rng: random.Random) -> list[float]:
    """Random moments of a given average rate, from the start to the end."""
    return sorted(rng.uniform(0.0, duration) for _ in range(round(rate * duration)))
