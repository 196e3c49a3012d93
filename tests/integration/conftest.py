"""One round played for real, shared by all tests here: anvil, contracts, operator processes."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from local_machine import free_base_port, processes_naming
from rich.console import Console

from oracle.demo.play import Demo, Options, Story
from oracle.devnet.folder import only_one
from oracle.devnet.topology import load

_START_SECONDS = 300


@dataclass(frozen=True)
class Played:
    """A finished round whose chain still runs."""

    demo: Demo
    story: Story
    rpc: str
    left_by_killed_run: list[str]


def _kill_half_way(folder: Path, base: int) -> list[str]:
    """Starts the demo, kills it once operators run, and returns what is still there afterwards."""
    command = [sys.executable, "-m", "oracle", "demo", "--data", "synthetic"]
    command += ["--folder", str(folder), "--base-port", str(base)]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not (folder / "logs" / "operator-1.log").exists():
            assert run.poll() is None, run.communicate()[1].decode()
            assert time.monotonic() < deadline, "the demo did not come to start its operators"
            time.sleep(0.1)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    for _ in range(50):
        left = processes_naming(str(folder))
        left += [line for port in (base, base + 5) for line in processes_naming(f"--port {port}")]
        if not left:
            break
        time.sleep(0.1)
    return left


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The demo's round on synthetic data, in a folder where an earlier run was killed."""
    folder, base = tmp_path_factory.mktemp("demo"), free_base_port()
    left = _kill_half_way(folder, base)
    topology = load().moved(base)
    demo = Demo(Options(folder, topology, "synthetic", seed=3), Console(quiet=True))
    with only_one(folder):
        try:
            yield Played(demo, demo.play(), topology.rpc, left)
        finally:
            demo.devnet.stop()
    assert not processes_naming(str(folder))


@pytest.fixture
def copy(played: Played, tmp_path: Path) -> Path:
    """A copy of the round's artefact folder, to tamper with."""
    return shutil.copytree(played.story.artefacts, tmp_path / "copied")
