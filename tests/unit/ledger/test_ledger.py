"""The server's tables against the chain and the artefacts that they follow from."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from played_history import PAYEE, Bench, history, play
from server_world import ServerWorld
from sqlalchemy import delete, update

from oracle.errors import RefusedError, UnreachableError
from oracle.ledger.batches import SettledBatches
from oracle.ledger.decoding import Decoder, Event
from oracle.ledger.ledger import Ledger
from oracle.records import open_records
from oracle.records.models import Models
from oracle.records.results import Results
from oracle.records.rounds import Rounds
from oracle.records.rows import ResultStatus, RoundStatus
from oracle.records.schema import chain
from oracle.records.stakes import Stakes
from oracle.settlement.batches import link
from oracle.settlement.events import EventError
from oracle.settlement.manifest import SUBMISSIONS
from oracle.settlement.typed_data import template_hash
from oracle.store import schema as index_tables
from oracle.store.database import Database

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("ledger")]
T = 8


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with history(tmp_path_factory.mktemp("history")) as made:
        play(made)
        yield made


@pytest.fixture
def bench(world: ServerWorld, database: Database, tmp_path: Path) -> Bench:
    return Bench(world, database, tmp_path / "home")


@pytest.fixture
def end(world: ServerWorld) -> int:
    """The last final block."""
    return world.chain.finalized


@pytest.fixture
def whole(bench: Bench, end: int) -> Ledger:
    """A ledger that has followed everything."""
    ledger = bench.ledger(end)
    ledger.update()
    return ledger


def assert_as_on_chain(bench: Bench, ledger: Ledger, number: int) -> None:
    """Stakes and queues against the contract's own storage at block ``number``."""
    pool, stakes = ledger.reader.pool_at(number), Stakes(bench.database)
    positions = stakes.positions(T)
    models = range(ledger.reader.models(number))
    assert {m: p.stake for m, p in positions.items() if p.stake} == {
        m: pool.lane(m).stake for m in models if pool.lane(m).stake
    }
    assert {m for m, p in positions.items() if p.take_profit} == {
        m for m in models if pool.lane(m).take_profit
    }
    assert {m: p.claimable for m, p in positions.items() if p.claimable} == pool.out
    assert {(r.round, r.model): (r.deposit, r.release, r.mode) for r in stakes.waiting(T)} == {
        (k, m): (r.deposit, r.release, r.mode) for k, q in pool.queues.items() for m, r in q.items()
    }


# ---------------------------------------------------------------------- all of it


def test_update__whole_history__stakes_as_on_chain(bench: Bench, whole: Ledger, end: int) -> None:
    assert_as_on_chain(bench, whole, end)


@pytest.mark.parametrize("seed", range(3))
def test_update__in_any_steps_with_restarts_between__as_at_once(
    bench: Bench, end: int, tmp_path: Path, seed: int
) -> None:
    dice = Random(seed)
    for until in sorted({*dice.sample(range(20, end), 7), end}):
        ledger = bench.ledger(until)
        ledger.update()
        assert_as_on_chain(bench, ledger, until)
    at_once = Bench(bench.world, open_records(tmp_path / "other.sqlite"), tmp_path / "other")
    at_once.ledger(end).update()
    assert bench.dump() == at_once.dump()
    at_once.database.close()


def test_update__again__changes_nothing(bench: Bench, whole: Ledger) -> None:
    before = bench.dump()
    assert whole.update().events == 0
    assert bench.dump() == before


def test_update__index_lost__goes_on_where_the_tables_stand(
    bench: Bench, world: ServerWorld, end: int
) -> None:
    bench.ledger(end - 9).update()
    ledger = bench.ledger(end, index="another")
    ledger.update()
    assert_as_on_chain(bench, ledger, end)


# ---------------------------------------------------------------------- rounds


def test_rounds__of_the_history__as_they_went(bench: Bench, whole: Ledger) -> None:
    rounds = Rounds(bench.database)
    ends = {row.number: row.ended for row in rounds.list(T)}
    assert ends == {4: None, 3: "void", 2: "settled", 1: "settled"}
    now = whole.now
    statuses = [row.status(now) for row in rounds.list(T)]
    assert statuses == [RoundStatus.OPEN, *[RoundStatus.RESOLVED] * 3]
    current = rounds.current(T, now)
    assert current is not None
    assert current.number == 4
    assert rounds.current(T, current.closes) is None
    assert [row.number for row in rounds.list(T, limit=2)] == [4, 3]
    assert [row.number for row in rounds.list(T, numbers=[1, 3, 99])] == [3, 1]


def test_rounds__announced_and_committed__as_the_contract_says(
    bench: Bench, whole: Ledger, world: ServerWorld
) -> None:
    row = Rounds(bench.database).get(T, 2)
    announced, committed = world.announced(2), world.reader.committed(2)
    assert row is not None
    assert committed is not None
    for name in ("opens", "closes", "horizon", "phi", "series_hash", "spec_hash", "epoch"):
        assert getattr(row, name) == getattr(announced, name)
    assert row.announce_hash == announced.hash()
    assert row.template is not None
    assert template_hash(row.template) == template_hash(announced.template)
    for name in ("close_block_hash", "chain_head", "at_risk", "words", "manifest", "meta_root"):
        assert getattr(row, name) == getattr(committed, name)
    facts = world.reader.facts(2, world.reader.newest(), 1)
    assert row.final_at == facts.final_at
    assert row.payout_factor == 10**6


def test_settlements__of_a_round__sum_to_what_the_pool_paid_and_burnt(
    bench: Bench, whole: Ledger
) -> None:
    for number in (1, 2):
        row = Rounds(bench.database).get(T, number)
        assert row is not None
        changes = [s.change for s in Stakes(bench.database).settlements(T, rounds=[number])]
        assert row.gains == sum(c for c in changes if c > 0) > 0
        assert row.burns == -sum(c for c in changes if c < 0)
    assert sum(s.taken for s in Stakes(bench.database).settlements(T, models=[1])) > 0


def test_stakes_at_close__every_closed_round__as_at_its_close_block(
    bench: Bench, whole: Ledger, world: ServerWorld
) -> None:
    for number in (1, 2, 3):
        close = world.reader.close_block(world.announced(number).closes)
        expected = world.reader.stakes(number, close).stakes
        found = Stakes(bench.database).at_close(T, rounds=[number])
        assert {row.model: row.stake for row in found} == expected
    assert Stakes(bench.database).at_close(T, rounds=[4]) == []


# ---------------------------------------------------------------------- scores


def test_scores__of_a_final_round__are_the_committed_ones(
    bench: Bench, whole: Ledger, world: ServerWorld
) -> None:
    text = world.results[1].files["outputs/scores.csv"].decode().splitlines()
    names = text[0].split(",")
    for line in text[1:]:
        row = dict(zip(names, map(int, line.split(",")), strict=True))
        scores = Results(bench.database).scores(T, models=[row["model"]], rounds=[1])
        assert {s.name: s.value for s in scores} == {n: row[n] for n in ("corr", "mmc", "tc")}
    [first, *_] = Results(bench.database).scores(T, rounds=[1], names=["corr"])
    assert first.name == "corr"
    percentiles = [s.percentile for s in Results(bench.database).scores(T, names=["corr"])]
    assert sorted(percentiles[:4]) == [125_000_000, 375_000_000, 625_000_000, 875_000_000]


def test_results__files_of_every_fate__said_with_the_reason(bench: Bench, whole: Ledger) -> None:
    rows = {row.model: row for row in Results(bench.database).list(T, rounds=[2])}
    assert {m: row.status for m, row in rows.items()} == {
        0: ResultStatus.SCORED,
        1: ResultStatus.SCORED,
        2: ResultStatus.REJECTED,
        3: ResultStatus.LATE,
    }
    assert rows[2].reason.startswith("invalid_submission_ids")
    assert rows[0].sequence == 2
    assert rows[3].stake > 0
    assert rows[3].at_risk == 0
    assert rows[0].at_risk == rows[0].stake > 0


def test_update__nobody_shows_the_folder__scores_come_once_somebody_does(
    bench: Bench, world: ServerWorld, end: int, tmp_path: Path
) -> None:
    bench.sources = [str(tmp_path / "shown")]
    (tmp_path / "shown").mkdir()
    ledger = bench.ledger(end)
    clock = [0.0]
    ledger.folders.clock = lambda: clock[0]
    assert ledger.update().scored == ()
    shutil.copytree(world.artefacts, tmp_path / "shown", dirs_exist_ok=True)
    assert ledger.update().scored == (), "it is asked for again only after a while"
    clock[0] += 10
    assert ledger.update().scored == (1, 2)
    assert Results(bench.database).scores(T, rounds=[2])


@pytest.mark.parametrize("name", ["outputs/scores.csv", "manifest.json"])
def test_update__folder_is_not_the_committed_one__nothing_of_it_is_taken(
    bench: Bench, world: ServerWorld, end: int, tmp_path: Path, name: str
) -> None:
    shutil.copytree(world.artefacts, tmp_path / "forged")
    for path in (tmp_path / "forged").rglob(name):
        path.write_bytes(path.read_bytes().replace(b"1", b"2"))
    bench.sources = [str(tmp_path / "forged")]
    assert bench.ledger(end).update().scored == ()
    assert Results(bench.database).scores(T) == []
    # Somebody else shows what was committed.
    bench.sources = [*bench.sources, str(world.artefacts)]
    assert bench.ledger(end).update().scored == (1, 2)


def test_update__folder_without_predictions__is_enough(
    bench: Bench, world: ServerWorld, end: int, tmp_path: Path
) -> None:
    shutil.copytree(world.artefacts, tmp_path / "some")
    gone = list((tmp_path / "some").rglob(SUBMISSIONS.rstrip("/")))
    for folder in gone:
        shutil.rmtree(folder)
    assert gone
    bench.sources = [str(tmp_path / "some")]
    assert bench.ledger(end).update().scored == (1, 2)


# ---------------------------------------------------------------------- models


def test_models__registered_and_handed_over__as_the_registry_says(
    bench: Bench, whole: Ledger, world: ServerWorld
) -> None:
    rows = {row.model: row for row in Models(bench.database).all(T)}
    for model, row in rows.items():
        assert row.owner == world.reader.owner_of(model)
        assert row.payout_at(whole.now) == world.reader.payout_of(model)
    assert rows[0].payout_at(whole.now) == PAYEE
    assert rows[0].payout != PAYEE
    assert rows[2].owner == world.owner(0).address
    mine = Models(bench.database).of_owner([world.owner(0).address])
    assert [row.model for row in mine] == [0, 2, 3]


def test_models__name_said__found_by_it_and_only_by_the_right_one(
    bench: Bench, whole: Ledger
) -> None:
    models = Models(bench.database)
    assert [row.name for row in models.by_id(T, [1])] == ["model-1"]
    assert [row.model for row in models.by_name(T, ["model-1"])] == [1]
    models.say("two")
    models.say("five")
    [row] = models.by_name(T, ["two"])
    assert (row.model, row.name) == (1, "two")
    assert models.by_name(T, ["five", "model-1", "model-01", "Two"]) == []
    assert models.by_uuid([row.uuid]) == [row]


def test_movements__of_an_account__newest_first_with_amounts(
    bench: Bench, whole: Ledger, world: ServerWorld
) -> None:
    moves = Stakes(bench.database).movements(T, accounts=[world.owner(0).address])
    assert [m.time for m in moves] == sorted((m.time for m in moves), reverse=True)
    deposited = [m.amount for m in moves if m.kind == "deposited" and m.model == 0]
    assert deposited == [500_000_000, 1_000_000_000, 2_500_000_000]
    claimed = Stakes(bench.database).movements(T, models=[2])
    [claim] = [m for m in claimed if m.kind == "claimed"]
    assert claim.amount is not None
    assert claim.amount > 0


# ---------------------------------------------------------------------- what goes wrong


def test_update__chain_is_another_one_below_the_finalized_block__tables_filled_anew(
    bench: Bench, whole: Ledger, end: int
) -> None:
    before = bench.dump()
    with bench.database.begin() as connection:
        connection.execute(update(chain.tournaments).values(block_hash=b"\x99" * 32))
        connection.execute(update(chain.positions).values(stake=1))
    bench.ledger(end).update()
    assert bench.dump() == before


def test_update__events_that_do_not_add_up__refused_and_nothing_of_it_is_left(
    bench: Bench, end: int
) -> None:
    ledger = bench.ledger(end)
    ledger.index.update(ledger.reader.finalized())
    topic = bytes.fromhex(ledger.reader.pool.events.Deposited().topic[2:])
    index = Database.open(bench.home / "index.sqlite")
    with index.begin() as connection:
        logs = index_tables.logs
        connection.execute(delete(logs).where(logs.c.topic == topic, logs.c.round == 1))
    index.close()
    with pytest.raises(EventError):
        ledger.update()
    assert not any(bench.dump().values())


def test_update__filled_anew_and_broken_off__not_whole_until_the_finalized_block(
    bench: Bench, whole: Ledger, end: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables that show a past must not be taken for what is, by the next process neither."""
    assert whole.is_whole
    with bench.database.begin() as connection:
        connection.execute(update(chain.tournaments).values(block_hash=b"\x99" * 32))
    again, write, writes = bench.ledger(end), Ledger._write, iter(range(3))
    assert again.is_whole

    def fails(*arguments: Any) -> None:
        if next(writes, None) is None:
            raise UnreachableError("the endpoint is gone")
        write(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("oracle.ledger.ledger._LOGS", 5)
        patch.setattr(Ledger, "_write", fails)
        with pytest.raises(UnreachableError):
            again.update()
    assert Models(bench.database).all(T)
    assert not again.is_whole
    next_process = bench.ledger(end)
    assert (next_process.is_whole, next_process.now) == (False, 0)
    next_process.update()
    assert next_process.is_whole


def test_ledger__before_its_first_look__has_the_time_that_the_tables_stand_at(
    bench: Bench, end: int
) -> None:
    first = bench.ledger(end)
    assert (first.is_whole, first.now) == (False, 0)
    block = first.update().block
    restarted = bench.ledger(end)
    assert (restarted.is_whole, restarted.now) == (True, block.timestamp)


def test_ledger__database_of_another_deployment__refused(
    bench: Bench, whole: Ledger, end: int
) -> None:
    with bench.database.begin() as connection:
        connection.execute(update(chain.tournaments).values(pool="0x" + "11" * 20))
    with pytest.raises(RefusedError, match="the database has tournament 8 at pool 0x1111"):
        bench.ledger(end)


def test_batches__call_that_nobody_can_read__taken_from_the_folder(
    bench: Bench, whole: Ledger, world: ServerWorld, end: int
) -> None:
    reader = whole.reader
    logs = whole._events.after(-1, end, 10_000)
    events = Decoder(reader).events(logs)
    [settled] = [e for e in events if e.name == "BatchSettled" and e.arguments["round"] == 1]
    direct = SettledBatches(reader, lambda _: None).of(settled)
    head = reader.chain_head(1)
    assert link(direct.batch, direct.following) == head
    # As if another contract had made the call: the transaction is one that settles nothing.
    [other] = [e for e in events if e.name == "Committed" and e.arguments["round"] == 1]
    hidden = Event("pool", "BatchSettled", settled.arguments, other.log, settled.timestamp)
    batches = world.results[1].batches
    assert SettledBatches(reader, lambda _: batches).of(hidden) == direct
    with pytest.raises(UnreachableError, match="the batch of round 1 that begins with word 0"):
        SettledBatches(reader, lambda _: None).of(hidden)
