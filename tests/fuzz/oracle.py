"""Real Yjs in a Node process, asked from Python."""

from __future__ import annotations

import base64
import json
import subprocess
from types import TracebackType
from typing import Any

from tests.services import Node


def encoded(update: bytes) -> str:
    return base64.b64encode(update).decode()


def decoded(text: str) -> bytes:
    return base64.b64decode(text)


class Oracle:
    """Asks ``tests/node/oracle.mjs``."""

    def __init__(self, node: Node) -> None:
        self._process = subprocess.Popen(
            node.command("oracle.mjs"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def __enter__(self) -> Oracle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()

    def ask(self, command: str, **request: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **request}).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"Node ended during {command}"
        return json.loads(answer)

    def rich(self, seed: int, *, clients: int = 4, steps: int = 60) -> dict[str, Any]:
        """A document that several people made, see the script."""
        made = self.ask("rich", seed=seed, clients=clients, steps=steps)
        return {
            name: [decoded(one) for one in value] if isinstance(value, list) else decoded(value)
            for name, value in made.items()
        }

    def apply(self, base: bytes, updates: list[bytes]) -> list[str | None]:
        """For each update: None, or what Yjs threw when it was applied to a copy of ``base``."""
        answers: list[str | None] = self.ask("apply", base=encoded(base), updates=[encoded(one) for one in updates])
        return answers

    def chain(self, base: bytes, updates: list[bytes]) -> str | None:
        """None, or what Yjs threw, and where, when the updates were applied one after the other, and merged."""
        thrown: str | None = self.ask("chain", base=encoded(base), updates=[encoded(one) for one in updates])
        return thrown
