"""The pool's state, kept in the tables between two looks at the chain."""

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, select

from oracle.records.rows import coefficients_of, coefficients_text
from oracle.records.schema import chain
from oracle.settlement.reference import Clocks, Progress, ReferencePool
from oracle.settlement.words import Lane, QueueRecord
from oracle.store.database import Database


@dataclass(frozen=True, slots=True)
class Cursor:
    """The finalized block up to which the tables follow the chain; before the first, -1."""

    number: int = -1
    hash: bytes = bytes(32)
    timestamp: int = 0


@dataclass
class Snapshot:
    """Everything events are applied to. ``owners`` of all registered models; ``untaken``: rounds
    whose stakes at the close are not known yet, with their closes."""

    cursor: Cursor
    pool: ReferencePool
    owners: dict[int, str]
    untaken: dict[int, int]


def load(connection: Connection, tournament: int, clocks: Clocks) -> Snapshot:
    """The state as the tables have it; that of a new pool, if they have none."""
    pool, cursor = ReferencePool(clocks=clocks), Cursor()
    row = connection.execute(
        select(chain.tournaments).where(chain.tournaments.c.tournament == tournament)
    ).first()
    if row is not None:
        cursor = Cursor(row.block, bytes(row.block_hash), row.block_time)
        _restore(pool, json.loads(row.state))
    rounds, untaken = chain.rounds, {}
    for found in connection.execute(
        select(rounds.c.round, rounds.c.closes, rounds.c.stakes_taken, rounds.c.opens).where(
            rounds.c.tournament == tournament
        )
    ):
        pool.closes[found.round] = found.closes
        if not found.stakes_taken and found.opens is not None:
            untaken[found.round] = found.closes
    _positions(connection, tournament, pool)
    pool.queues = _queues(connection, tournament)
    models = select(chain.models.c.model, chain.models.c.owner)
    here = chain.models.c.tournament == tournament
    owners = {row.model: row.owner for row in connection.execute(models.where(here))}
    return Snapshot(cursor, pool, owners, untaken)


def outline(connection: Connection, tournament: int) -> tuple[int, bool]:
    """The time of the tables' block, 0 where they do not stand at a block's end, and whether the
    pool was wound down by then."""
    table = chain.tournaments.c
    query = select(table.block_time, table.state).where(table.tournament == tournament)
    row = connection.execute(query).first()
    return (0, False) if row is None else (row.block_time, json.loads(row.state)["wound_down"])


def save(
    connection: Connection,
    database: Database,
    tournament: int,
    place: tuple[int, str],
    kept: Snapshot,
) -> None:
    """Cursor and what no other table holds; ``place`` is (chain id, pool's address)."""
    cursor = kept.cursor
    values = {
        "chain_id": place[0],
        "pool": place[1].lower(),
        "block": cursor.number,
        "block_hash": cursor.hash,
        "block_time": cursor.timestamp,
        "state": json.dumps(_rest(kept.pool)),
    }
    query = database.insert(chain.tournaments).values({"tournament": tournament, **values})
    connection.execute(query.on_conflict_do_update(index_elements=["tournament"], set_=values))


def _positions(connection: Connection, tournament: int, pool: ReferencePool) -> None:
    table = chain.positions
    for row in connection.execute(select(table).where(table.c.tournament == tournament)):
        if row.stake or row.take_profit:
            pool.lanes[row.model] = Lane(row.stake, row.take_profit)
        if row.claimable:
            pool.out[row.model] = row.claimable


def _queues(connection: Connection, tournament: int) -> dict[int, dict[int, QueueRecord]]:
    table = chain.requests
    queues: dict[int, dict[int, QueueRecord]] = defaultdict(dict)
    query = select(table).where(table.c.tournament == tournament).order_by(table.c.place)
    for row in connection.execute(query):
        queues[row.round][row.model] = QueueRecord(row.deposit, row.release, row.mode)
    return dict(queues)


_NUMBERS = ("head", "last_announced", "vault", "burn_owed", "head_since", "paused_until")


def _rest(pool: ReferencePool) -> dict[str, Any]:
    progress = pool.progress
    return {
        **{name: getattr(pool, name) for name in _NUMBERS},
        "wound_down": pool.wound_down,
        "skipped": sorted(number for number in pool.skipped if number >= pool.head),
        "void_at": [[n, at] for n, at in pool.void_at.items() if n >= pool.head],
        "progress": None
        if progress is None
        else {
            **asdict(progress),
            "cursor": progress.cursor.hex(),
            "coefficients": coefficients_text(progress.coefficients),
        },
    }


def _restore(pool: ReferencePool, rest: dict[str, Any]) -> None:
    for name in _NUMBERS:
        setattr(pool, name, rest[name])
    pool.wound_down = rest["wound_down"]
    pool.skipped, pool.void_at = set(rest["skipped"]), dict(rest["void_at"])
    found = rest["progress"]
    if found is not None:
        cursor, coefficients = found.pop("cursor"), found.pop("coefficients")
        pool.progress = Progress(
            coefficients=coefficients_of(coefficients), cursor=bytes.fromhex(cursor), **found
        )
