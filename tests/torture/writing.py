"""People who write while things fail."""

from __future__ import annotations

import asyncio
import random

from tests.torture.oracle import Author

EDITS_A_SECOND = 5.0


async def write_until(stop: asyncio.Event, author: Author, rng: random.Random, *, rate: float = EDITS_A_SECOND) -> None:
    """Write at the pace of a person who is quick, connected or not."""
    while not stop.is_set():
        author.put(rng=rng)
        await asyncio.sleep(rng.uniform(0.5, 1.5) / rate)
