"""When an operator lets go of a round's sealed files, and what goes on working without them."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sealed_round as rounds
from ingest_world import (
    DUE,
    MODEL,
    OPENS,
    OWNER,
    RAW,
    ROUND,
    ChainStandIn,
    key_of,
    new_ingest,
    signed,
    to_operators,
)

from oracle.chain.rpc import Block
from oracle.operator.config import StoreSettings
from oracle.operator.folders import manifest_digest
from oracle.operator.ingest import Ingest
from oracle.operator.pruning import Pruning
from oracle.settlement.rounds import Status
from oracle.settlement.specs import Disclosure
from oracle.settlement.typed_data import HistoryRequest
from oracle.store.sealing import Identity

KEEP = 1_000
HEAD = ROUND + 1


class Chain(ChainStandIn):
    """Knows a result of the round as well, or that it is void."""

    status = Status.FINAL
    manifest: bytes | None = None

    def facts(self, number: int, block: Block, head: int) -> Any:
        return SimpleNamespace(status=self.status)

    def committed(self, number: int, at: int) -> Any:
        return None if self.manifest is None else SimpleNamespace(manifest=self.manifest)


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def ingest(tmp_path: Path, chain: Chain) -> Iterator[Ingest]:
    made = new_ingest(tmp_path, chain)
    made.accept(to_operators(RAW), ROUND, MODEL, 1, signed(key_of(), OWNER))
    yield made
    made.journal.database.close()


@pytest.fixture
def folder(tmp_path: Path, chain: Chain) -> Path:
    """The round's folder, disclosed, with the result in force."""
    made = rounds.disclosed(rounds.write(tmp_path / "round", Disclosure.OPEN), Disclosure.OPEN)
    chain.manifest = manifest_digest(made)
    return made


def pruning(ingest: Ingest, folder: Path, keep: float | None = KEEP) -> Pruning:
    context: Any = SimpleNamespace(
        journal=ingest.journal,
        reader=ingest.reader,
        folder=lambda number: folder,
    )
    return Pruning(context, keep, clock=lambda: 0.0)


def has_file(ingest: Ingest) -> bool:
    return ingest.journal.sealed(ROUND, key_of().sha256) != b""


def at(timestamp: int) -> Block:
    return Block(9, "0x" + "09" * 32, timestamp)


def test_prune__ended_long_ago_and_the_folder_is_whole__the_file_goes(ingest, folder):
    pruning(ingest, folder).prune(HEAD, at(DUE + KEEP))
    assert not has_file(ingest)


@pytest.mark.parametrize(
    ("head", "now", "keep"),
    [(HEAD, DUE + KEEP - 1, KEEP), (ROUND, DUE + 100 * KEEP, KEEP), (HEAD, DUE + KEEP, None)],
    ids=["not long ago", "not ended", "kept for ever"],
)
def test_prune__may_still_be_needed__the_file_stays(ingest, folder, head, now, keep):
    pruning(ingest, folder, keep).prune(head, at(now))
    assert has_file(ingest)


def _no_folder(folder: Path, chain: Chain) -> None:
    shutil.rmtree(folder)


def _another_result(folder: Path, chain: Chain) -> None:
    chain.manifest = bytes(32)


def _damaged(folder: Path, chain: Chain) -> None:
    path = folder / rounds.owners_path()
    path.write_bytes(path.read_bytes()[:-1] + b"9")


def _file_missing(folder: Path, chain: Chain) -> None:
    (folder / rounds.owners_path()).unlink()


def _sealed_still(folder: Path, chain: Chain) -> None:
    shutil.rmtree(folder)
    rounds.write(folder, Disclosure.OPEN)


def _no_result_known(folder: Path, chain: Chain) -> None:
    chain.manifest = None


@pytest.mark.parametrize(
    "spoil",
    [_no_folder, _another_result, _damaged, _file_missing, _sealed_still, _no_result_known],
)
def test_prune__folder_cannot_stand_in_for_the_files__they_stay(ingest, chain, folder, spoil):
    spoil(folder, chain)
    pruning(ingest, folder).prune(HEAD, at(DUE + KEEP))
    assert has_file(ingest)


def test_prune__void_round_without_a_folder__the_file_goes(ingest, chain, tmp_path):
    chain.status = Status.VOID
    pruning(ingest, tmp_path / "none").prune(HEAD, at(DUE + KEEP))
    assert not has_file(ingest)


def test_prune__more_than_a_slice__goes_on_the_next_time(ingest, folder, monkeypatch):
    for sequence in range(2, 5):
        key = key_of(sequence=sequence)
        ingest.accept(to_operators(RAW), ROUND, MODEL, sequence, signed(key, OWNER))
    monkeypatch.setattr("oracle.store.pruning._CHUNK", 1)
    now = SimpleNamespace(seconds=0.0)

    def clock() -> float:
        now.seconds += 0.7
        return now.seconds

    duty, left = replace(pruning(ingest, folder), clock=clock), []
    while not left or left[-1]:
        duty.prune(HEAD, at(DUE + KEEP))
        left.append(sum(item.sealed != b"" for item in stored(ingest)))
    assert left[0] > 0
    assert left == sorted(left, reverse=True)


def stored(ingest: Ingest) -> list[Any]:
    keys = [item.key for item in ingest.journal.listed(ROUND)]
    return [ingest.journal.find(ROUND, key.sha256, key) for key in keys]


def test_prune__nothing_to_drop__looks_once_an_hour_only(ingest, chain, folder):
    duty = pruning(ingest, folder)
    duty.prune(HEAD, at(DUE))
    duty.prune(HEAD, at(DUE + KEEP))
    assert has_file(ingest)
    replace(duty, clock=lambda: 3600.0).prune(HEAD, at(DUE + KEEP))
    assert not has_file(ingest)


# ---------------------------------------------------------------------- without the files


def test_without_files__list_and_receipts__are_as_before(ingest, folder):
    before = list(ingest.journal.receipts(ROUND)), list(ingest.journal.listed(ROUND))
    pruning(ingest, folder).prune(HEAD, at(DUE + KEEP))
    assert (list(ingest.journal.receipts(ROUND)), list(ingest.journal.listed(ROUND))) == before


def test_without_files__asked_for_one__there_is_none(ingest, folder):
    assert ingest.shared(ROUND, key_of().sha256) is not None
    pruning(ingest, folder).prune(HEAD, at(DUE + KEEP))
    assert ingest.shared(ROUND, key_of().sha256) is None


def test_without_files__diagnostics__history_stays_and_the_next_file_is_described(
    ingest, chain, folder
):
    pruning(ingest, folder).prune(HEAD, at(DUE + KEEP))
    key = key_of(sequence=2)
    ingest.accept(to_operators(RAW), ROUND, MODEL, 2, signed(key, OWNER))
    reading = Identity.new()
    request = HistoryRequest(MODEL, reading.recipient, OPENS)
    shown = json.loads(reading.open(ingest.read_history(request, signed(request, OWNER))))
    assert [(entry["sequence"], entry["previous"]) for entry in shown] == [(1, None), (2, None)]


def test_settings__nothing_said__files_are_kept_for_a_month():
    assert StoreSettings().keep_files_days == 30
