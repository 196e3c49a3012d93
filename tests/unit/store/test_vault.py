"""Targets before their time, and the history of diagnostics: sealed, ordered, durable."""

import hashlib
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Submission
from oracle.store.database import Database
from oracle.store.diagnostics import DiagnosticsHistory
from oracle.store.journal import Journal, StoredSubmission
from oracle.store.sealing import Identity, SealError, seal
from oracle.store.vault import TARGETS, TargetVault, VaultEntry

ROUND, RELEASE = 7, 1_800_000_000
IDENTITY = Identity.new()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "operator.sqlite"


def vault_at(path: Path, identity: Identity = IDENTITY) -> TargetVault:
    return TargetVault(Database.open(path), identity)


def entry(raw: bytes, release_at: int = RELEASE, number: int = ROUND) -> VaultEntry:
    sha256 = hashlib.sha256(raw).digest()
    return VaultEntry(number, TARGETS, sha256, release_at, "0x" + "11" * 20, bytes(65), len(raw))


def test_targets__around_their_release__none_before_and_the_file_from_then_on(path):
    vault = vault_at(path)
    vault.put(entry(b"secret"), b"secret")
    assert [vault.targets(ROUND, RELEASE + step) for step in (-1, 0, 1)] == [
        None,
        b"secret",
        b"secret",
    ]
    assert vault.targets(ROUND + 1, RELEASE) is None


def test_put__several__same_one_stays_whatever_their_order(tmp_path):
    """Latest release first, then the larger hash: operators must not end up with different ones."""
    files = [(b"a", 1), (b"b", 2), (b"c", 2)]
    expected = max(files, key=lambda f: (f[1], hashlib.sha256(f[0]).digest()))
    for number, order in enumerate(permutations(files)):
        vault = vault_at(tmp_path / f"{number}.sqlite")
        for raw, release in order:
            stands = vault.put(entry(raw, RELEASE + release), raw)
        assert stands == vault.entry(ROUND) == entry(expected[0], RELEASE + expected[1])
        assert vault.open(ROUND) == expected[0]


def test_open__with_another_identity__nothing(path):
    vault_at(path).put(entry(b"secret"), b"secret")
    with pytest.raises(SealError):
        vault_at(path, Identity.new()).open(ROUND)
    with pytest.raises(KeyError, match="no targets in the vault"):
        vault_at(path).open(ROUND + 1)


def test_vault__opened_anew__still_there(path):
    first = vault_at(path)
    first.put(entry(b"secret"), b"secret")
    first.database.close()
    assert vault_at(path).targets(ROUND, RELEASE) == b"secret"


# ---------------------------------------------------------------------- diagnostics


def key(round_number: int, sequence: int, model: int = 3) -> Submission:
    sha256 = hashlib.sha256(repr((round_number, sequence)).encode()).digest()
    return Submission(round_number, model, sha256, sequence)


def test_history__newest_entries_of_one_model__oldest_first(path):
    history = DiagnosticsHistory(Database.open(path), IDENTITY)
    for where in ((2, 1), (1, 5), (1, 2), (3, 1)):
        history.add(key(*where), 9, repr(where).encode())
    history.add(key(1, 1, model=4), 9, b"another model's")
    assert history.of(3, 10) == [b"(1, 2)", b"(1, 5)", b"(2, 1)", b"(3, 1)"]
    assert history.of(3, 2) == [b"(2, 1)", b"(3, 1)"]


def test_history__noted_twice__the_first_stays(path):
    history = DiagnosticsHistory(Database.open(path), IDENTITY)
    history.add(key(1, 1), 9, b"first")
    history.add(key(1, 1), 9, b"second")
    assert history.of(3, 10) == [b"first"]


def test_history__after_a_new_identity__what_was_sealed_to_the_old_one_is_left_out(path):
    database = Database.open(path)
    owner = Identity.new()
    DiagnosticsHistory(database, IDENTITY).add(key(1, 1), 9, b"old", [owner.recipient])
    rotated = DiagnosticsHistory(database, Identity.new())
    rotated.add(key(1, 2), 9, b"new")
    assert rotated.of(3, 10) == [b"new"]
    assert DiagnosticsHistory(database, owner).of(3, 10) == [b"old"]


def test_before__by_round_and_sequence__the_last_one_of_that_model(path):
    database = Database.open(path)
    journal, history = Journal(database), DiagnosticsHistory(database, IDENTITY)
    for where in ((1, 5), (1, 9), (2, 3)):
        item = StoredSubmission(
            key(*where), bytes(65), seal(repr(where).encode(), [IDENTITY.recipient]), 1
        )
        journal.add(item, SignedReceipt(item.key, "0x" + "11" * 20, 1, bytes(65)))
    assert history.before(key(2, 3)) == (key(1, 9), b"(1, 9)")
    assert history.before(key(1, 9)) == (key(1, 5), b"(1, 5)")
    assert history.before(key(1, 5)) is None
    assert history.before(replace(key(2, 3), model=4)) is None
    assert DiagnosticsHistory(database, Identity.new()).before(key(2, 3)) is None
