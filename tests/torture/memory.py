"""What a server process takes, as Linux tells."""

from __future__ import annotations

import os
from pathlib import Path

from tests.services import Server

MIB = 1024 * 1024
RETURN_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(MIB)}
"""Makes the C library give large blocks back at once, so that what is still there is what somebody holds."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(server: Server) -> int:
    """Memory of the process that holds the sockets."""
    return int(Path(f"/proc/{server.pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES


def descriptors(server: Server) -> int:
    """How many files and sockets it has open."""
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def cpu_seconds(server: Server) -> float:
    """How long it has computed so far."""
    fields = Path(f"/proc/{server.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
