"""``assay bridge`` run in this process, on two chains of a test's own."""

import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from two_chains import TwoChains

from oracle.cli import main

Ran = tuple[int, str, str]
"""Exit code, standard output, standard error."""


@dataclass(frozen=True, slots=True)
class BridgeCommand:
    """The record is ``bridge.json`` in the folder that the test stands in."""

    chains: TwoChains
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object) -> Ran:
        words = ["assay", "bridge", *map(str, arguments), *named(self.chains)]
        self.monkeypatch.setattr(sys, "argv", words)
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        done = self.capfd.readouterr()
        assert "Traceback" not in done.out + done.err
        return code, done.out, done.err


def named(chains: TwoChains) -> list[str]:
    """The options that say which bridge."""
    urls = ["--root-rpc", chains.root.url, "--child-rpc", chains.child.url]
    return ["--bridge", "bridge.json", *urls]


def result(ran: Ran) -> Any:
    """What a command that succeeded says as JSON."""
    code, out, err = ran
    assert (code, err) == (0, ""), out + err
    return json.loads(out)["result"]


def error(ran: Ran) -> Any:
    """What one that failed says."""
    code, out, _ = ran
    found = json.loads(out)["error"]
    assert found["exit"] == code
    return found
