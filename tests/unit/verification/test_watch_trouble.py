"""A watcher whose rounds, or whose chain, do what nobody expects."""

import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from oracle.chain.rpc import Block
from oracle.settlement.rounds import RoundFacts, Status
from oracle.verification.watch import Finding, Watcher
from oracle.verification.watch_state import StateFile

POOL = "0x" + "11" * 20
NOW = Block(100, "0x" + "aa" * 32, 10_000)


class Chain:
    """Two committed rounds, as a reader shows them; ``sealed`` changes when told to."""

    addresses = SimpleNamespace(chain_id=1, pool=POOL)
    result = b"\x01" * 32
    confirmed_during_read = False

    def finalized(self) -> Block:
        return NOW

    def state(self, at: int | None = None) -> dict[str, int]:
        return {"head": 1, "last_announced": 2}

    def facts(self, number: int, at: Block, head: int) -> RoundFacts:
        return RoundFacts(
            number=number,
            status=Status.COMMITTED,
            opens=1,
            closes=2,
            horizon=3,
            final_at=NOW.timestamp + 60,
            head=head,
            queue_empty=True,
            skipped=False,
            void_at=None,
            challenged_at=None,
        )

    def committed(self, number: int, at: int | None = None) -> Any:
        found = SimpleNamespace(manifest=self.result)
        self._confirm()
        return found

    def sealed(self, number: int, at: int | None = None) -> bytes:
        found = self.result
        self._confirm()
        return found

    def _confirm(self) -> None:
        """Between two reads operators answer a challenge with another result."""
        if self.confirmed_during_read:
            self.result, self.confirmed_during_read = b"\x02" * 32, False

    def members(self, number: int, at: int | None = None) -> list[str]:
        return []


class Copies:
    """A source that has every round; ``asked`` are the manifests it was asked for."""

    name = "copies"

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, []

    def bring(self, key: Any, wanted: Any) -> Path:
        self.asked.append(wanted.manifest)
        return self.folder


@pytest.fixture(autouse=True)
def whole_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oracle.verification.watch.RoundFolder.check", lambda _: None)


def watcher(tmp_path: Path, chain: Chain, verify: Any) -> tuple[Watcher, Copies]:
    copies = Copies(tmp_path)
    state = StateFile(tmp_path / "watch.json", 1, POOL)
    made = Watcher(chain, [copies], tmp_path / "cache", state, verify, first=1)  # type: ignore
    return made, copies


@pytest.mark.parametrize("error", [ValueError("odd"), KeyError("owners"), RecursionError()])
def test_look__a_round_breaks_what_verifies_it__told_and_the_next_is_verified(
    tmp_path: Path, error: Exception
) -> None:
    broken = iter([True])

    def verify(_: Path) -> str:
        with contextlib.suppress(StopIteration):
            if next(broken):
                raise error
        return "well"

    lines = list(watcher(tmp_path, Chain(), verify)[0].look())
    assert [line.finding for line in lines] == [Finding.MISSING, Finding.VERIFIED]
    assert type(error).__name__ in lines[0].text


def test_look__another_result_while_it_reads__that_one_is_verified_too(tmp_path: Path) -> None:
    chain = Chain()
    chain.confirmed_during_read = True
    made, copies = watcher(tmp_path, chain, lambda _: "well")
    list(made.look())
    list(made.look())
    assert b"\x02" * 32 in copies.asked[:1] + copies.asked[2:]
    assert made.state.state.rounds[1].sealed == "0x" + "02" * 32
