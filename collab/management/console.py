"""What ``up`` and the bootstrap print: one line per step with its time, in 80 columns, coloured on a terminal only.

Standard library only, and it must parse on Python 3.8: it speaks before anything is installed.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import Iterator

WIDTH = 80
_NAME_WIDTH = 16
_TIME_WIDTH = 8

_GREEN, _RED, _YELLOW, _BOLD, _DIM = "32", "31", "33", "1", "2"


class Step:
    """One thing that is being done; ``result`` is what its line says once it is done."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.result = "done"


class Console:
    """Prints steps, sentences and links."""

    def __init__(self, *, colours: bool = True) -> None:
        self._stream = sys.stdout
        self._is_terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = colours and self._is_terminal and "NO_COLOR" not in os.environ and os.name != "nt"

    def line(self, text: str = "") -> None:
        """Print one line at once: whoever reads through a pipe waits for it."""
        self._write(text + "\n")

    def fresh_line(self) -> None:
        """Take away the ^C that a terminal shows when it is typed."""
        if self._is_terminal and os.name != "nt":
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            # Nobody listens any more: the pipe's reader ended or the terminal was closed. Work goes on unheard.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def heading(self, text: str) -> None:
        self.line(self._paint(text, _BOLD))

    def link(self, url: str) -> None:
        self.line("    " + self._paint(url, _BOLD))

    def warning(self, text: str) -> None:
        self.line(self._paint(text, _YELLOW))

    def problem(self, text: str) -> None:
        """One line about what went wrong and what to type next, on the error stream."""
        self._stream.flush()
        colours = sys.stderr.isatty() and self._colours
        sys.stderr.write((self._paint(text, _RED) if colours else text) + "\n")
        sys.stderr.flush()

    @contextmanager
    def step(self, name: str, doing: str = "") -> Iterator[Step]:
        """Time what happens inside and print its line; on a terminal, say meanwhile what is being done."""
        step = Step(name)
        started = time.monotonic()
        if self._is_terminal and doing:
            self._write("  {:<{}}{}".format(name, _NAME_WIDTH, self._paint(doing + " ...", _DIM)))
        try:
            yield step
        finally:
            if self._is_terminal and doing:
                self._write("\r\x1b[K" if os.name != "nt" else "\r" + " " * (WIDTH - 1) + "\r")
        self.line(self._step_line(step, time.monotonic() - started))

    def _step_line(self, step: Step, seconds: float) -> str:
        took = "{:.1f} s".format(seconds)
        room = WIDTH - 2 - _NAME_WIDTH - _TIME_WIDTH
        result = step.result if len(step.result) <= room else step.result[: room - 3] + "..."
        return "  {}{:<{}}{}".format(
            self._paint("{:<{}}".format(step.name, _NAME_WIDTH), _GREEN),
            result,
            room,
            self._paint("{:>{}}".format(took, _TIME_WIDTH), _DIM),
        )

    def _paint(self, text: str, code: str) -> str:
        return "\x1b[{}m{}\x1b[0m".format(code, text) if self._colours else text
