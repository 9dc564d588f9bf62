"""Several server processes on one port: started, watched, started again when one dies, stopped together.

The parent serves nobody. It holds one end of a pipe that each child reads; when the parent is killed the pipe ends, and
the children stop by themselves instead of keeping the port for ever.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType

FIRST_PAUSE = 0.5
"""Before a process that died is started again; doubled up to ``LONGEST_PAUSE`` each time it dies soon."""
LONGEST_PAUSE = 10.0
LONG_LIFE = 60.0
"""A process that lived so long did not die of how it was started."""
READY_WITHIN = 60.0
STOP_WITHIN = 15.0
"""Longest wait for a process to save and say goodbye; above it it is killed."""


class NotStarted(Exception):
    """A process ended before it served, or did not get so far in time."""


class _Worker:
    """One process and its turn to be started."""

    def __init__(self, number: int, listener: socket.socket) -> None:
        self.number = number
        self.listener = listener
        self.process: subprocess.Popen[bytes] | None = None
        self.ready_pipe: int | None = None
        self.is_ready = False
        self.started = 0.0
        self.pause = 0.0
        self.due: float | None = 0.0


class Workers:
    """The server processes of one ``up``.

    Args:
        listeners: The listening socket of each. They stay open here, so that who comes while a process is started
            again waits for it.
        command: What starts one; ``--fd``, ``--ready-fd`` and ``--lifeline-fd`` are added.
        env: Its environment.
        report: Told in one line what happens to a process.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        *,
        command: Sequence[str],
        env: Mapping[str, str],
        report: Callable[[str], None],
    ) -> None:
        self._workers = [_Worker(number, listener) for number, listener in enumerate(listeners, 1)]
        self._command = list(command)
        self._env = dict(env)
        self._report = report
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._lifeline, self._our_end = os.pipe()
        """Children read the first; the second is closed when this process ends, however it ends."""

    def run(self, on_ready: Callable[[], None]) -> bool:
        """Serve until a signal says stop; returns whether every process had saved everything.

        Raises:
            NotStarted: The first start failed; every process has been stopped.
        """
        with self._signals():
            try:
                self._start_all()
                if not self._stopping:
                    on_ready()
                while not self._stopping:
                    self._wait()
                    self._mind()
            finally:
                saved = self._stop_all()
                os.close(self._our_end)
                os.close(self._lifeline)
                self._selector.close()
        return saved

    # Starting

    def _start_all(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        for worker in self._workers:
            self._start(worker)
        while not self._stopping and not all(worker.is_ready for worker in self._workers):
            self._wait(deadline - time.monotonic())
            for worker in self._workers:
                if self._exit_code(worker) is not None and not self._stopping:
                    raise NotStarted(f"server process {worker.number} ended before it served")
            if time.monotonic() > deadline:
                raise NotStarted(f"not every server process answered within {READY_WITHIN:g} s")

    def _start(self, worker: _Worker) -> None:
        ready, theirs = os.pipe()
        os.set_blocking(ready, False)
        fds = (worker.listener.fileno(), theirs, self._lifeline)
        try:
            worker.process = subprocess.Popen(
                [
                    *self._command,
                    *(f"--fd={fds[0]}", f"--ready-fd={fds[1]}", f"--lifeline-fd={fds[2]}"),
                ],
                env=self._env,
                stdin=subprocess.DEVNULL,
                pass_fds=fds,
                # Ctrl+C in a terminal goes to the whole session: it is for this process, which asks the others to stop.
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        worker.ready_pipe, worker.is_ready, worker.due = ready, False, None
        worker.started = time.monotonic()
        self._selector.register(ready, selectors.EVENT_READ, worker)

    # Watching

    def _wait(self, at_most: float | None = None) -> None:
        """Sleep until a process is ready or ends, a signal comes, or one is to be started again."""
        now = time.monotonic()
        waits = [worker.due - now for worker in self._workers if worker.due is not None]
        if at_most is not None:
            waits.append(at_most)
        timeout = max(min(waits), 0.0) if waits else None
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, 4096)
            else:
                self._hear(key.data)

    def _hear(self, worker: _Worker) -> None:
        """A process says that it serves, or its end of the pipe is closed."""
        if worker.ready_pipe is None:
            return
        worker.is_ready = worker.is_ready or bool(os.read(worker.ready_pipe, 1))
        self._close_pipe(worker)

    def _close_pipe(self, worker: _Worker) -> None:
        if worker.ready_pipe is not None:
            self._selector.unregister(worker.ready_pipe)
            os.close(worker.ready_pipe)
            worker.ready_pipe = None

    def _mind(self) -> None:
        """Start again what has died, each after a pause."""
        now = time.monotonic()
        for worker in self._workers:
            if worker.due is not None:
                if worker.due <= now:
                    self._start(worker)
                continue
            code = self._exit_code(worker)
            if code is None or self._stopping:
                continue
            soon = now - worker.started < LONG_LIFE
            worker.pause = min(max(worker.pause * 2, FIRST_PAUSE), LONGEST_PAUSE) if soon else FIRST_PAUSE
            worker.due = now + worker.pause
            self._close_pipe(worker)
            self._report(f"Server process {worker.number} ended ({_how(code)}); again in {worker.pause:g} s.")

    @staticmethod
    def _exit_code(worker: _Worker) -> int | None:
        return None if worker.process is None else worker.process.poll()

    # Stopping

    def _stop_all(self) -> bool:
        """Ask all to save and end; returns whether all did so."""
        running = [worker for worker in self._workers if worker.process is not None and worker.process.poll() is None]
        for worker in running:
            assert worker.process is not None  # noqa: S101 - for the type checker
            worker.process.terminate()
        deadline = time.monotonic() + STOP_WITHIN
        saved = True
        for worker in running:
            assert worker.process is not None  # noqa: S101 - for the type checker
            try:
                code = worker.process.wait(max(deadline - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                code = worker.process.wait()
                self._report(f"Server process {worker.number} did not end within {STOP_WITHIN:g} s and was killed.")
            else:
                if code == -signal.SIGTERM and not self._has_served(worker):
                    continue  # It had just been started, and there was nothing to save.
                if code != 0:
                    self._report(f"Server process {worker.number} ended with {_how(code)}.")
            saved = saved and code == 0
        for worker in self._workers:
            self._close_pipe(worker)
        return saved

    def _has_served(self, worker: _Worker) -> bool:
        """Whether a process that has ended had ever said that it serves."""
        with contextlib.suppress(BlockingIOError):
            self._hear(worker)
        return worker.is_ready

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Let signals, and the death of a child, end the waiting."""
        woken, waker = os.pipe()
        for end in (woken, waker):
            os.set_blocking(end, False)
        self._selector.register(woken, selectors.EVENT_READ, None)

        def stop(number: int, frame: FrameType | None) -> None:
            self._stopping = True

        handled = {signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGCHLD: lambda number, frame: None}
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            handled[signal.SIGHUP] = stop
        before = {number: signal.signal(number, handler) for number, handler in handled.items()}
        wakeup_before = signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(woken)
            os.close(waker)


def worker_command() -> list[str]:
    """What starts one server process."""
    return [sys.executable, sys.argv[0], "serve"]


def stop_with_parent(lifeline: int) -> None:
    """In a child: stop as on SIGTERM when the parent is no more."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(lifeline, 1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="collab-lifeline", daemon=True).start()


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
