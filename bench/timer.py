"""A timer that wakes ``epoll`` at a moment; its own timeout is rounded to milliseconds, too coarse to pace edits."""

from __future__ import annotations

import ctypes
import os

_CLOCK_MONOTONIC, _NONBLOCK, _ABSOLUTE = 1, os.O_NONBLOCK, 1


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class Timer:
    """One timer on the clock of ``time.perf_counter``."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def wake_at(self, moment: float) -> None:
        """Become readable at this moment; an earlier request is forgotten."""
        seconds = int(moment)
        spec = _TimerSpec(_TimeSpec(0, 0), _TimeSpec(seconds, int((moment - seconds) * 1e9) or 1))
        self._libc.timerfd_settime(self.fd, _ABSOLUTE, ctypes.byref(spec), None)

    def drain(self) -> None:
        """Stop being readable."""
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            pass

    def close(self) -> None:
        os.close(self.fd)
