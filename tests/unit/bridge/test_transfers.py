"""The files that transfers are kept in: whole, guarded, and never guessed at."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from oracle.bridge import transfers
from oracle.bridge.transfers import (
    STAGES,
    Kind,
    SentTransaction,
    Stage,
    Transfer,
    TransferFiles,
    new_transfer,
)
from oracle.errors import AssayError, InputError, RefusedError

ACCOUNT = "0x" + "11" * 20
SENT = SentTransaction(
    chain_id=1,
    sender=ACCOUNT,
    nonce=3,
    hash="0x" + "ab" * 32,
    raw="0x02ff",
    gas=100_000,
    max_fee=30,
    tip=2,
    head=17,
)


@pytest.fixture
def files(tmp_path: Path) -> TransferFiles:
    return TransferFiles(tmp_path, 1, 137)


def made(kind: Kind = Kind.DEPOSIT, **changes: Any) -> Transfer:
    return new_transfer(kind, ACCOUNT, ACCOUNT, 5).put(**changes)


def written(files: TransferFiles, **changes: Any) -> Path:
    """The file of a transfer with some fields overwritten."""
    transfer = made()
    files.save(transfer)
    path = files.folder / f"{transfer.id}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return path


def test_save__transfer__read_back_as_it_was(files: TransferFiles) -> None:
    transfer = made().with_sent("lock", SENT).at(Stage.LOCKED, 99).put(sync=7)
    files.save(transfer)
    assert files.load(transfer.id) == transfer
    assert files.all() == [transfer]
    assert files.folder.parts[-2:] == ("bridge", "1-137")


def test_all__several__by_the_time_they_were_started(files: TransferFiles) -> None:
    for when in (30, 10, 20):
        files.save(made(started_at=when))
    assert [one.started_at for one in files.all()] == [10, 20, 30]


def test_new_transfer__many__ids_differ() -> None:
    assert len({made(kind).id for kind in Kind for _ in range(50)}) == 100


@pytest.mark.parametrize("id", ["", "d-1", "../d-000000000000", "x-000000000000", "d-00000000000G"])
def test_load__no_id__refused_without_looking(files: TransferFiles, id: str) -> None:
    with pytest.raises(InputError, match="is not the id of a transfer"):
        files.load(id)


def test_load__unknown__says_where_they_are(files: TransferFiles) -> None:
    with pytest.raises(InputError, match="there is no transfer") as caught:
        files.load("d-000000000000")
    assert str(files.folder) in caught.value.fix


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"schema": "assay/transfer/2"}, "schema"),
        ({"wei": 0}, "wei"),
        ({"wei": -1}, "wei"),
        ({"to": "0x" + "00" * 20}, "to: .*zero address"),
        ({"account": "nobody"}, "account"),
        ({"stage": "lost"}, "stage"),
        ({"stage": "burnt"}, "not the file of transfer"),
        ({"id": "d-111111111111"}, "not the file of transfer"),
        ({"steps": {"lock": [{"nonce": 1}]}}, "steps"),
        ({"more": 1}, "more"),
    ],
    ids=str,
)
def test_load__changed_by_hand__named(
    files: TransferFiles, changes: dict[str, Any], why: str
) -> None:
    path = written(files, **changes)
    with pytest.raises(InputError, match=why):
        files.load(path.stem)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_load__no_json__refused_and_left(files: TransferFiles, text: str) -> None:
    path = written(files)
    path.write_text(text)
    with pytest.raises(InputError, match="is not a transfer"):
        files.all()
    assert path.read_text() == text


def test_save__folder_is_a_file__refused(tmp_path: Path) -> None:
    (tmp_path / "bridge").write_text("")
    files = TransferFiles(tmp_path, 1, 137)
    with pytest.raises(InputError, match="cannot write"):
        files.save(made())
    with pytest.raises(InputError, match="cannot write"), files.only_one():
        pass


def test_forget__nothing_sent__gone(files: TransferFiles) -> None:
    transfer = made()
    files.save(transfer)
    files.forget(transfer)
    assert files.all() == []
    files.forget(transfer)


@pytest.mark.parametrize("kind", list(Kind))
def test_at__earlier_stage_again__later_times_forgotten(kind: Kind) -> None:
    """As after a reorganisation: what followed has not happened."""
    first, second, third, last = STAGES[kind]
    transfer = made(kind).at(second, 10).at(third, 20).at(last, 30)
    assert transfer.times == {second: 10, third: 20, last: 30}
    assert transfer.is_over
    back = transfer.at(second, 12)
    assert (back.stage, back.times, back.is_over) == (second, {second: 12}, False)
    assert back.at(first).times == {}


def test_at__failed__beside_synced() -> None:
    failed = made().at(Stage.LOCKED, 10).at(Stage.FAILED)
    assert failed.times == {Stage.LOCKED: 10}
    assert not failed.is_over


def _hold(home: Path, held: Any, release: Any) -> None:
    with TransferFiles(home, 1, 137).only_one():
        held.set()
        release.wait(30)


def test_only_one__another_process_sends__refused_until_it_is_done(
    tmp_path: Path, files: TransferFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "_LOCK_SECONDS", 0.2)
    spawn = multiprocessing.get_context("spawn")
    held, release = spawn.Event(), spawn.Event()
    other = spawn.Process(target=_hold, args=(tmp_path, held, release))
    other.start()
    assert held.wait(30)
    try:
        with pytest.raises(RefusedError, match="another process sends"), files.only_one():
            pass
    finally:
        release.set()
        other.join()
    with files.only_one():
        pass


def test_only_one__error_inside__released(files: TransferFiles) -> None:
    with pytest.raises(AssayError, match="inside"), files.only_one():
        raise InputError("inside")
    with files.only_one():
        pass
