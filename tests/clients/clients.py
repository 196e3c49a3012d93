"""The clients' side of a test: numerapi in a process of its own environment."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("client.py")
_COMMAND = _SCRIPT.with_name("command.py")


@dataclass(frozen=True, slots=True)
class Call:
    """A method of numerapi. ``arguments`` are JSON."""

    api: str
    method: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.api}.{self.method}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What it returned, or the ``error`` that it raised."""

    value: Any = None
    error: str = ""


@dataclass(frozen=True)
class Client:
    """numerapi under the interpreter ``python``, sending to ``url`` as the owner of ``token``: its
    public id and secret, or None for nobody. ``trigger``: the id of the call that it runs for."""

    python: Path
    url: str = ""
    token: tuple[str, str] | None = None
    folder: Path | None = None
    trigger: str = ""

    def methods(self) -> tuple[str, dict[str, dict[str, list[str]]]]:
        """The installed version, and by class its methods with their parameters."""
        found = self._run({"methods": True})
        return found["version"], found["classes"]

    def call(self, calls: Sequence[Call]) -> list[Outcome]:
        """What each of the calls came to, in order."""
        listed = [{"api": c.api, "method": c.method, "arguments": c.arguments} for c in calls]
        asked = {"url": self.url, "token": self.token, "calls": listed}
        return [
            Outcome(error=f"{one['error']}: {one['message']}")
            if "error" in one
            else Outcome(value=_typed(one["value"]))
            for one in self._run(asked)
        ]

    def command(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output of numerapi's command line."""
        assert self.token is not None
        public, secret = self.token
        environment = {**_plain(), "NUMERAI_PUBLIC_ID": public, "NUMERAI_SECRET_KEY": secret}
        done = subprocess.run(
            [str(self.python.absolute()), "-I", str(_COMMAND), self.url, *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=environment,
            check=False,
        )
        return done.returncode, done.stdout.strip() or done.stderr.strip()[-200:]

    def _run(self, asked: dict[str, Any]) -> Any:
        done = subprocess.run(
            [str(self.python.absolute()), "-I", str(_SCRIPT)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**_plain(), **({"TRIGGER_ID": self.trigger} if self.trigger else {})},
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the client ended with {done.returncode}:\n{done.stderr}")
        return json.loads(done.stdout)


def _plain() -> dict[str, str]:
    hidden = ("NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY", "PYTHONPATH", "TRIGGER_ID")
    return {name: value for name, value in os.environ.items() if name not in hidden}


def _typed(value: Any) -> Any:
    """Values as the client had them."""
    if isinstance(value, list):
        return [_typed(one) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"decimal"}:
        return Decimal(value["decimal"])
    if set(value) == {"time"}:
        return datetime.fromisoformat(value["time"])
    return {name: _typed(one) for name, one in value.items()}
