"""The loop of one operator on a chain in this process: what it asks for, what it announces."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from in_process_chain import InProcessChain
from in_process_operator import URL, InProcessOperator
from in_process_rpc import InProcessProvider
from in_process_tournament import deploy, start_chain
from short_times import short_topology
from web3 import Web3

from oracle.chain.keys import dev_account, new_password, write_keystore
from oracle.chain.logs import IndexedLogs
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.devnet.profile import Clocks, Timing
from oracle.devnet.topology import ANNOUNCER
from oracle.operator.config import OperatorConfig
from oracle.settlement.agreement import NIL
from oracle.settlement.specs import NEWEST, SPECS
from oracle.settlement.typed_data import Announcement
from oracle.settlement.units import MILLIONTH

pytestmark = pytest.mark.chain

TIMING = Timing(
    notice=20, gap=10, max_ahead=5_000, max_horizon=1_000, grace=300, window=30, challenge=50
)
CLOCKS = Clocks(
    skip_after=6_000,
    settle_time=300,
    head_time=50,
    rest_delay=10,
    wind_down_after=100_000,
    pause=600,
    pause_cooldown=2_000,
)
EVERY = 100


@dataclass
class Announcer(InProcessOperator):
    """An operator that announces a round every 100 seconds, or has no key at all; ``provider``
    counts its requests."""

    keyless: bool = False
    provider: InProcessProvider | None = None

    def _settle_in(self) -> None:
        super()._settle_in()
        account = dev_account(ANNOUNCER)
        password = new_password(self.home / "password")
        write_keystore(self.home / "announcer.json", account, password)

    def _config(self) -> OperatorConfig:
        values = super()._config().model_dump()
        if self.keyless:
            return OperatorConfig.model_validate(values | {"signer": None})
        values["announce"] = {
            "calendar": "seconds",
            "every": EVERY,
            "window": 30,
            "horizon": 20,
            "ahead": 60,
            "margin": 5,
            "signer": {
                "kind": "keystore",
                "keystore": self.home / "announcer.json",
                "password_file": self.home / "password",
            },
        }
        return OperatorConfig.model_validate(values)

    def _reader(self, config: OperatorConfig, events: Any) -> PoolReader:
        self.provider = InProcessProvider(self.chain)
        return PoolReader(Web3(self.provider), URL, config.pool, IndexedLogs(events))


@dataclass
class World:
    chain: InProcessChain
    reader: PoolReader
    operator: Announcer

    def writer(self, account: int) -> PoolWriter:
        signer = LocalSigner(dev_account(account))
        return PoolWriter(self.reader, Sender(self.reader.web3, URL, signer))

    def look(self) -> dict[str, int]:
        """One cycle; what it asked of the chain, by method."""
        provider = self.operator.running.reader.web3.provider
        before = dict(provider.requests)
        assert self.operator.cycle()
        assert self.operator.errors == []
        return {
            name: count - before.get(name, 0)
            for name, count in provider.requests.items()
            if count != before.get(name, 0)
        }

    def pass_to(self, timestamp: int) -> None:
        self.chain.advance_to(timestamp)
        self.chain.finalize()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    topology = short_topology(TIMING, CLOCKS)
    start = int(time.time()) // EVERY * EVERY + EVERY
    chain = start_chain(tmp_path, topology.chain.chain_id, start)
    web3 = Web3(InProcessProvider(chain))
    record = deploy(web3, topology, tmp_path)
    chain.finalize()
    (tmp_path / "provider").mkdir()
    declared = topology.operators[0]
    operator = Announcer(
        declared.name,
        tmp_path / "operator",
        dev_account(declared.account),
        chain,
        record.pool,
        tmp_path / "provider",
        declared.port,
    )
    operator.start()
    yield World(chain, PoolReader(web3, URL, record.pool), operator)
    operator.stop()
    chain.close()


def rounds(world: World) -> int:
    return world.reader.state()["last_announced"]


def look_on(world: World, times: int = 3) -> None:
    """So many looks, with time between them for every operator's turn."""
    for _ in range(times):
        world.look()
        world.pass_to(world.chain.head.timestamp + 20)


def test_cycle__calendar_of_seconds__each_round_is_announced_once_and_in_time(
    world: World,
) -> None:
    first = (world.chain.head.timestamp // EVERY + 2) * EVERY
    world.pass_to(first - 90)
    world.look()
    assert rounds(world) == 0
    world.pass_to(first - 60)
    world.look()
    assert rounds(world) == 1
    announced = world.reader.announced(1)
    assert announced is not None
    assert (announced.opens, announced.closes, announced.horizon) == (first, first + 30, 20)
    assert announced.spec_hash == SPECS[NEWEST].hash
    assert announced.phi == MILLIONTH
    for _ in range(3):
        world.look()
        world.chain.finalize()
    assert rounds(world) == 1
    world.pass_to(first + 40)
    world.look()
    assert rounds(world) == 2
    second = world.reader.announced(2)
    assert second is not None
    assert second.opens == first + EVERY


def test_cycle__nothing_new__asks_for_the_finalized_block_only(world: World) -> None:
    world.pass_to((world.chain.head.timestamp // EVERY + 2) * EVERY - 60)
    world.look()
    world.chain.finalize()
    world.look()
    assert set(world.look()) <= {"eth_getBlockByNumber", "eth_getTransactionCount"}
    world.chain.mine()
    world.chain.finalize()
    quiet = world.look()
    assert "eth_call" not in quiet
    assert quiet["eth_getLogs"] == 1


def test_cycle__a_round_comes_to_its_time__is_looked_at_without_an_event(world: World) -> None:
    opens = (world.chain.head.timestamp // EVERY + 2) * EVERY
    world.pass_to(opens - 60)
    world.look()
    world.chain.finalize()
    world.look()
    world.pass_to(opens - 10)
    assert "eth_call" not in world.look()
    world.pass_to(opens)
    assert world.look()["eth_call"] > 0


def test_cycle__nobody_announces_for_long__the_round_is_skipped(world: World) -> None:
    world.pass_to((world.chain.head.timestamp // EVERY + 2) * EVERY - 60)
    world.look()
    world.operator.running.worker.duties.announcing = None
    announced = world.reader.announced(1)
    assert announced is not None
    world.pass_to(announced.closes + announced.horizon + TIMING.grace + 1)
    look_on(world)
    assert world.reader.state()["head"] == 2
    world.pass_to(announced.closes + CLOCKS.skip_after - 30)
    look_on(world, 1)
    assert rounds(world) == 1
    world.pass_to(announced.closes + CLOCKS.skip_after)
    look_on(world)
    assert rounds(world) == 2
    look_on(world)
    assert world.reader.state()["head"] == 3


def idle(world: World) -> bool:
    """Whether a look at a block that was looked at before asks for no more than news, and what
    became of transactions that were sent."""
    world.look()
    return not {"eth_call", "eth_getLogs"} & set(world.look())


def silent_round(world: World) -> Announcement:
    """A round that was announced and got no commit in time; nobody announces another."""
    world.pass_to((world.chain.head.timestamp // EVERY + 2) * EVERY - 60)
    world.look()
    world.operator.running.worker.duties.announcing = None
    announced = world.reader.announced(1)
    assert announced is not None
    world.pass_to(announced.closes + announced.horizon + TIMING.grace + 1)
    return announced


def test_cycle__head_was_ended_in_a_block_that_is_not_final__idle_until_the_next_block(
    world: World,
) -> None:
    silent_round(world)
    for _ in range(4):
        world.look()
        world.operator.running.context.turns.clock = lambda: 2 * 10**9
    assert world.reader.state()["head"] == 2
    assert world.reader.state(world.chain.finalized)["head"] == 1
    assert idle(world)
    world.chain.mine()
    assert world.look()["eth_call"] > 0
    world.chain.finalize()
    assert world.look()["eth_call"] > 0
    assert idle(world)


def test_cycle__round_was_skipped_in_a_block_that_is_not_final__idle_until_the_next_block(
    world: World,
) -> None:
    announced = silent_round(world)
    look_on(world)
    world.pass_to(announced.closes + CLOCKS.skip_after)
    for _ in range(4):
        world.look()
        world.operator.running.context.turns.clock = lambda: 2 * 10**9
    assert rounds(world) == 2
    assert world.reader.state(world.chain.finalized)["last_announced"] == 1
    assert idle(world)
    world.chain.finalize()
    assert world.look()["eth_call"] > 0


def test_cycle__turn_has_not_come__looks_again_without_a_block(world: World) -> None:
    silent_round(world)
    turns = world.operator.running.context.turns
    turns.clock, turns.stagger = lambda: 0.0, 5.0
    assert not idle(world)
    turns.clock = lambda: 1000.0
    world.look()
    assert world.reader.state()["head"] == 2


def test_cycle__without_a_key__what_others_have_to_do__idle_until_the_next_block(
    world: World,
) -> None:
    silent_round(world)
    world.operator.stop()
    world.operator.keyless = True
    world.operator.start()
    assert idle(world)
    assert world.reader.state()["head"] == 1


def test_cycle__without_a_key__looks_and_sends_nothing(world: World) -> None:
    world.operator.stop()
    world.operator.keyless = True
    world.operator.start()
    world.pass_to((world.chain.head.timestamp // EVERY + 2) * EVERY - 60)
    blocks = len(world.chain.blocks)
    assert world.look()["eth_call"] > 0
    assert world.operator.running.context.address == ""
    assert world.operator.running.worker.votes(1, NIL) == []
    assert len(world.chain.blocks) == blocks


def test_cycle__a_round_has_closed__takes_in_what_others_accepted_and_rests(world: World) -> None:
    world.pass_to((world.chain.head.timestamp // EVERY + 2) * EVERY - 60)
    world.look()
    announced = world.reader.announced(1)
    assert announced is not None
    duties = world.operator.running.worker.duties
    world.pass_to(announced.closes - 10)
    world.look()
    assert not duties.sharing.is_shared(1)
    world.pass_to(announced.closes)
    world.look()
    assert duties.sharing.is_shared(1)
    world.chain.mine()
    world.chain.finalize()
    world.look()
    world.chain.mine()
    world.chain.finalize()
    assert "eth_call" not in world.look()
