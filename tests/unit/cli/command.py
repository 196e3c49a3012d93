"""What a command left behind."""

import json
from dataclasses import dataclass
from typing import Any


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


@dataclass(frozen=True)
class Ran:
    """Exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    def envelope(self) -> Any:
        """The one JSON object on stdout; nothing may be beside it."""
        assert self.err.strip() == ""
        assert self.out.count("\n") == 1
        envelope = json.loads(self.out, parse_constant=_refuse)
        assert envelope["assay"] == 1
        return envelope

    def result(self) -> Any:
        envelope = self.envelope()
        assert envelope["ok"] is True, envelope
        return envelope["result"]

    def error(self) -> Any:
        envelope = self.envelope()
        assert set(envelope) == {"assay", "ok", "error"}
        assert envelope["ok"] is False
        assert set(envelope["error"]) == {"code", "message", "fix", "exit"}
        assert envelope["error"]["exit"] == self.code
        return envelope["error"]
