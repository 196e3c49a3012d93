"""Four rounds with everything that can happen to a model in them, and a ledger on any part."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils import to_checksum_address
from in_process_tournament import connected
from server_world import URL, ServerWorld, server_world
from sqlalchemy import select

from oracle.chain.logs import IndexedLogs
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import Block, block
from oracle.ledger.ledger import Ledger
from oracle.records.schema import chain
from oracle.settlement.units import TAKE_PROFIT
from oracle.store.database import Database
from oracle.store.event_index import EventStore
from oracle.verification.fetch import open_source

PAYEE = to_checksum_address("0x" + "5a" * 20)
TABLES = (
    chain.tournaments,
    chain.rounds,
    chain.models,
    chain.positions,
    chain.requests,
    chain.movements,
    chain.stakes_at_close,
    chain.settlements,
    chain.results,
    chain.scores,
)
_DAY = 86_400


def history(root: Path) -> AbstractContextManager[ServerWorld]:
    return server_world(root)


def play(world: ServerWorld) -> None:
    """Round 1: four models. Round 2: a profit taken, a release, files of every fate; then a claim,
    a transfer, a new payout address. Round 3: void. Round 4: open, with requests waiting."""
    for name in ("one", "two", "three", "four"):
        world.register(name)
    writer = world.writer(world.owner(1))
    writer.set_mode(1, TAKE_PROFIT, 1)
    world.play({0: 3, 1: 2, 2: 0, 3: 1}, nmr=2.5)

    number = world.announce().round
    files = world.files[number]
    world.stake(0)
    world.writer(world.owner(2)).request_release(2, None, number)
    world.submit(number, 0, files.predictions(1))
    world.submit(number, 0, files.predictions(2))
    world.submit(number, 1, files.predictions(9))
    world.submit(number, 2, b"id,prediction\nn0,0.5\n")
    world.submit(number, 3, files.predictions(4), late=True)
    world.close(number)
    world.commit(number)
    world.settle(number)
    world.writer(world.operators[1]).claim(2)

    world.writer(world.owner(2)).offer(2, world.owner(0).address)
    world.writer(world.owner(0)).set_payout(0, PAYEE)
    world.chain.advance_to(world.now + 2 * _DAY + 1)
    world.writer(world.owner(0)).accept(2, world.reader.version_of(2))

    number = world.announce().round
    world.stake(0, 0.5)
    world.close(number)
    announced = world.announced(number)
    due = announced.closes + announced.horizon
    world.chain.advance_to(due + world.reader.timing["grace"] + 1)
    world.writer(world.operators[0]).end_void(number)

    world.announce()
    world.stake(3, 4)
    world.writer(world.owner(1)).request_release(1, 10**9, 4)
    world.chain.finalize()


class ReaderUntil(PoolReader):
    """For which the chain is final up to a block, and ends there."""

    until: int

    def finalized(self) -> Block:
        self._final = self.until
        return block(self.web3, self.until)

    def newest(self) -> Block:
        return block(self.web3, self.until)


@dataclass
class Bench:
    """Ledgers over one database, each as after a restart."""

    world: ServerWorld
    database: Database
    home: Path
    sources: Sequence[str] = ()

    def ledger(self, until: int, index: str = "index") -> Ledger:
        """A new one that takes the chain to end with block ``until``."""
        events = EventStore(Database.open(self.home / f"{index}.sqlite"))
        pool = self.world.reader.addresses.pool
        reader = ReaderUntil(connected(self.world.chain), URL, pool, IndexedLogs(events))
        reader.until = until
        sources = self.sources or [str(self.world.artefacts)]
        opened = [open_source(text) for text in sources]
        return Ledger(reader, self.database, events, opened, self.home)

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows that follow from the chain, but for the cursor's."""
        with self.database.connect() as connection:
            return {
                table.name: sorted(
                    (tuple(row) for row in connection.execute(select(table))), key=repr
                )
                for table in TABLES
            }
