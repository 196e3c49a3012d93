"""Three of four operators are enough: one is killed after the round has closed."""

import signal

import pytest
from local_machine import free_base_port
from rich.console import Console

from oracle.datasets.dataset import Dataset
from oracle.demo.play import Demo, Options
from oracle.demo.rounds import Round
from oracle.devnet.folder import only_one
from oracle.devnet.topology import load
from oracle.verification.verify import verify

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("one-down")]


class OneDown(Demo):
    """The demo's round; the last operator dies before the targets arrive."""

    def resolve(self, first: Round, dataset: Dataset) -> None:
        self.devnet.processes.forget("operator-4", signal.SIGKILL)
        super().resolve(first, dataset)


def test_round__one_operator_killed__is_committed_settled_and_verified(tmp_path):
    topology = load().moved(free_base_port())
    demo = OneDown(Options(tmp_path / "demo", topology, "synthetic", seed=5), Console(quiet=True))
    with only_one(tmp_path / "demo"):
        try:
            story = demo.play()
            signed = sorted((story.artefacts / "attest").glob("0x*.json"))
            assert len(signed) == 3
            assert story.after.head == 2
            assert [step.name for step in verify(story.artefacts, topology.rpc)][-1] == "settlement"
        finally:
            demo.devnet.stop()
