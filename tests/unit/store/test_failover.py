"""A primary with a synchronous replica: nothing acknowledged is lost, nothing signed twice."""

import threading
from collections.abc import Callable, Iterator

import postgres
import pytest

from oracle.store import postgres_engine
from oracle.store.database import Database
from oracle.store.faults import StoreError
from oracle.store.journal import Journal, JournalError

pytestmark = pytest.mark.slow
ONE, OTHER = b"\xaa" * 32, b"\xbb" * 32


@pytest.fixture
def pair() -> Iterator[postgres.Pair]:
    with postgres.pair() as both:
        both.primary.new_database("operator")
        yield both


@pytest.fixture
def open_pair(
    pair: postgres.Pair, open_database: Callable[..., Database]
) -> Callable[[float], Journal]:
    return lambda patience: Journal(open_database(pair.url("operator"), patience=patience))


def test_failover__primary_killed_while_writing__the_same_journal_goes_on(
    pair: postgres.Pair, open_pair: Callable[[float], Journal]
) -> None:
    journal = open_pair(30)
    assert journal.database.warnings() == []
    acknowledged: list[int] = []
    enough, stop = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            journal.reserve_digest(number, "commit", ONE)
            acknowledged.append(number)
            if number >= 50:
                enough.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert enough.wait(60)
        pair.primary.kill()
        before = len(acknowledged)
        pair.replica.promote()
        while len(acknowledged) < before + 50 and writer.is_alive():
            stop.wait(0.01)
    finally:
        stop.set()
        writer.join(60)
    assert len(acknowledged) >= before + 50
    assert acknowledged == list(range(1, len(acknowledged) + 1))
    assert journal.signed_rounds() == dict.fromkeys(((n, "commit") for n in acknowledged), ONE)
    for number in acknowledged:
        with pytest.raises(JournalError, match="already signed"):
            journal.reserve_digest(number, "commit", OTHER)
    [warning] = journal.database.warnings()
    assert "synchronous_standby_names is empty" in warning


def test_reserve_digest__replica_away__refused_until_it_is_back(
    pair: postgres.Pair,
    open_pair: Callable[[float], Journal],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A row on the primary alone is worth nothing: the replica would know nothing of it.

    The second try finds the row and has nothing to write; it must wait for the replica too.
    """
    monkeypatch.setattr(postgres_engine, "_CONFIRM_SECONDS", 0.3)
    journal = open_pair(0.2)
    pair.replica.kill()
    for _ in range(2):
        with pytest.raises(StoreError, match="replica does not confirm"):
            journal.reserve_digest(1, "commit", ONE)
    [warning] = journal.database.warnings()
    assert "no synchronous replica is connected" in warning
    pair.start_replica()
    journal.reserve_digest(1, "commit", ONE)
    pair.primary.kill()
    pair.replica.promote()
    journal.database.patience = 30
    with pytest.raises(JournalError, match="already signed"):
        journal.reserve_digest(1, "commit", OTHER)
