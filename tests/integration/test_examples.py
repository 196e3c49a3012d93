"""The examples' walk-through, command by command: a newcomer downloads, trains, submits, stakes,
reads scores and claims, against a devnet with its server."""

import csv
import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_machine import free_base_port, processes_naming

ROOT = Path(__file__).resolve().parents[2]
HERE = shlex.quote(str(ROOT))
README = ROOT / "examples" / "README.md"
BASE_OF_SERVER = 40
CLIENTS = ROOT / ".venv-clients" / "bin" / "python"
SECONDS = 600
pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("examples")]

WAITS = ("committed", "ended", "drained")
"""What each ``sleep`` of the walk-through stands for."""


def blocks() -> list[list[str]]:
    """Commands of the walk-through, by block."""
    text = README.read_text()
    found = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [block.strip().splitlines() for block in found]


class Newcomer:
    """A shell in an empty folder, with the checkout's programs."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port, self.waits = folder, port, iter(WAITS)
        self.environment = {**os.environ, "PYTHONPATH": ""}
        self.said: dict[str, str] = {}

    def run(self, line: str) -> None:
        """One line as it stands, but for folders and ports."""
        if line.startswith("export "):
            self._export(line.removeprefix("export "))
            return
        if line.startswith("sleep "):
            self._await(next(self.waits))
            return
        self.said[line] = self._shell(self._here(line))

    def json(self, command: str) -> Any:
        return json.loads(self._shell(f"{HERE}/assay {command} --json"))["result"]

    def _here(self, line: str) -> str:
        if ".venv-clients" in line and not CLIENTS.exists():
            # Without that environment: what the walk-through names instead.
            line = "./assay submit .assay/mine/live.csv --model my-model"
        if line == "./assay devnet up":
            line += f" --base-port {self.port}"
        line = line.replace("28640", str(self.port + BASE_OF_SERVER))
        line = re.sub(r"(?<![\w./])(\./assay|\.venv|examples/)", lambda m: f"{HERE}/{m[1]}", line)
        return line

    def _export(self, setting: str) -> None:
        name, _, value = setting.partition("=")
        self.environment[name] = self._shell(f"printf %s {self._here(value)}")

    def _await(self, wanted: str) -> None:
        told = {
            "committed": 'round show 1 --json | grep -q \'"phase": "committed\\|"phase": "final\'',
            "ended": "models scores my-model --json | grep -q '\"settled\":'",
            "drained": 'stake show 0 --json | grep -vq \'"claimable": "0"\'',
        }[wanted]
        self.wait_for(told)

    def wait_for(self, told: str) -> None:
        """Until the end of this command says so: what the server shows follows the chain."""
        self._shell(f"until {HERE}/assay {told}; do sleep 1; done")

    def _shell(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    folder = tmp_path_factory.mktemp("newcomer")
    made = Newcomer(folder, free_base_port())
    try:
        yield made
    finally:
        subprocess.run([ROOT / "assay", "devnet", "down"], cwd=folder, capture_output=True)
        assert not processes_naming(str(folder))


def test_walk_through__every_command__a_newcomer_earns_and_claims(newcomer: Newcomer) -> None:
    setting_up, taking_part, scoring, leaving = blocks()
    for line in (*setting_up, *taking_part):
        newcomer.run(line)
    waiting = newcomer.json("stake show 0")["queued"]
    assert [one["deposit"] for one in waiting] == ["2.5"]
    for line in scoring:
        newcomer.run(line)
    folder = newcomer.folder / ".assay"
    with (folder / "scores.csv").open() as file:
        [row] = csv.DictReader(file)
    artefacts = folder / "devnet" / "operators" / "operator-1" / "artefacts"
    [committed] = artefacts.glob("rounds/*/*/1")
    live = folder / "mine" / "live.csv"
    own = newcomer.json(f"score {live} --round {committed} --model 0")
    assert own["committed"]["corr"] == own["corr"]
    assert float(row["corr"]) == float(own["corr"])
    assert (row["round"], row["stake"]) == ("1", "2.5")
    assert (folder / "scores.png").read_bytes().startswith(b"\x89PNG")
    newcomer.wait_for("leaderboard --json | grep -q my-model")
    [leader] = newcomer.json("leaderboard")["items"]
    assert (leader["name"], leader["rank"]) == ("my-model", 1)
    for line in leaving[:-1]:
        newcomer.run(line)
    stake = newcomer.json("stake show 0")
    assert (stake["stake"], stake["claimable"]) == ("0", "0")
    given = newcomer.json("devnet faucet 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --nmr 7")
    assert given["nmr"] == "7"
    newcomer.run(leaving[-1])
