"""The index of a tournament's events on a real chain that is reorganised under it."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from eth_utils import keccak
from faulty_rpc import FaultyRpc
from in_process_tournament import deploy
from local_anvil import CHAIN_ID, LocalAnvil
from local_machine import free_base_port
from web3.exceptions import Web3RPCError

from oracle.chain.index import ChainIndex
from oracle.chain.keys import dev_account
from oracle.chain.logs import IndexedLogs, RpcLogs
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import connect, endpoints_of
from oracle.devnet.launch import Devnet
from oracle.devnet.topology import load
from oracle.errors import UnreachableError
from oracle.settlement.typed_data import SPEC_HASH
from oracle.store.database import Database
from oracle.store.event_index import EventStore, StoredLog

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("chain-index")]

DEEPEST = 20
ACCOUNT = dev_account(0)


class Tournament:
    """Contracts on an anvil of their own; events are made by reserving names."""

    def __init__(self, devnet: Devnet) -> None:
        self.anvil = LocalAnvil(devnet.topology.rpc)
        self.url, self.pool = devnet.topology.rpc, devnet.record().pool
        self.reader = PoolReader.open(self.url, self.pool, CHAIN_ID)
        self._names = 0

    def reservation(self) -> dict[str, str]:
        """A transaction that nobody sent yet; its event tells it from all others."""
        self._names += 1
        call = self.reader.registry.functions.reserve(keccak(text=f"name {self._names}"))
        data = call.build_transaction({"gas": 200_000, "maxFeePerGas": 0, "nonce": 0})["data"]
        to = self.reader.registry.address
        return {"from": ACCOUNT.address, "to": to, "data": data, "gas": hex(200_000)}

    def emit(self, count: int = 1) -> None:
        """That many blocks, one event in each."""
        for _ in range(count):
            self.anvil.send(**self.reservation())

    def reorganise(self, depth: int, events: int) -> None:
        """Replaces the last ``depth`` blocks by as many others, with events in some of them."""
        places = sorted(random.Random(depth).sample(range(depth), min(events, depth)))
        pairs = [[self.reservation(), place] for place in places]
        self.anvil.ask("anvil_reorg", depth, pairs)

    def truth(self) -> list[tuple[int, int, str, str]]:
        """Every log of the tournament's contracts, as the node itself tells it."""
        where = self.reader.addresses
        contracts = [where.pool, where.oracle, where.registry, where.relay]
        asked = {"fromBlock": "0x0", "toBlock": "latest", "address": contracts}
        return [
            (int(g["blockNumber"], 16), int(g["logIndex"], 16), g["blockHash"], g["topics"][-1])
            for g in self.anvil.ask("eth_getLogs", asked)
        ]


def shown(logs: list[StoredLog]) -> list[tuple[int, int, str, str]]:
    return [
        (g.block_number, g.log_index, "0x" + g.block_hash.hex(), "0x" + g.topics[-1].hex())
        for g in logs
    ]


@pytest.fixture(scope="module")
def tournament(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tournament]:
    folder = tmp_path_factory.mktemp("tournament")
    devnet = Devnet.at(folder, load().on_one_chain().moved(free_base_port()), tied=True)
    try:
        devnet.start_chains()
        deploy(connect(devnet.topology.rpc), devnet.topology, folder)
        yield Tournament(devnet)
    finally:
        devnet.stop()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "operator.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> EventStore:
    return EventStore(database)


@pytest.fixture
def index(tournament: Tournament, store: EventStore) -> ChainIndex:
    return ChainIndex(tournament.reader, store)


def rebuilt(tournament: Tournament, folder: Path) -> list[StoredLog]:
    """The index made from the chain alone, now."""
    database = Database.open(folder / "rebuilt.sqlite")
    fresh = EventStore(database)
    ChainIndex(tournament.reader, fresh).update(tournament.reader.newest())
    found = list(fresh.everything())
    database.close()
    return found


# ---------------------------------------------------------------------- following the chain


def test_index__first_update__holds_every_event_since_the_deployment(
    tournament: Tournament, index: ChainIndex, store: EventStore
) -> None:
    tournament.emit(3)
    assert index.update(tournament.reader.newest()) == 0
    assert shown(list(store.everything())) == tournament.truth()


def test_index__further_updates__add_what_is_new_and_ask_for_no_more(
    tournament: Tournament, index: ChainIndex, store: EventStore
) -> None:
    index.update(tournament.reader.newest())
    for blocks in (1, 2, 1, 5):
        tournament.emit(blocks)
        assert index.update(tournament.reader.newest()) == 0
    assert shown(list(store.everything())) == tournament.truth()
    with FaultyRpc(tournament.url) as proxy:
        reader = PoolReader.open(proxy.url, tournament.pool, CHAIN_ID)
        newest = reader.newest()
        before = sum(proxy.requests.values())
        assert ChainIndex(reader, store).update(newest) == 0
        assert sum(proxy.requests.values()) == before


def test_index__deployment_block__is_the_first_with_code_of_any_contract(
    tournament: Tournament,
) -> None:
    first = tournament.reader.rpc_logs.first_block
    where = tournament.reader.addresses
    contracts = [where.pool, where.oracle, where.registry, where.relay]
    ask = tournament.anvil.ask
    assert all(ask("eth_getCode", contract, hex(first - 1)) == "0x" for contract in contracts)
    assert any(ask("eth_getCode", contract, hex(first)) != "0x" for contract in contracts)


# ---------------------------------------------------------------------- reorganisations


@pytest.mark.parametrize("depth", range(1, DEEPEST + 1))
def test_index__chain_reorganised__equals_one_built_from_scratch(
    tournament: Tournament, index: ChainIndex, store: EventStore, depth: int, tmp_path: Path
) -> None:
    chance = random.Random(depth)
    tournament.emit(DEEPEST - depth)
    index.update(tournament.reader.newest())
    left = depth + 2
    while left:  # stops at some of the blocks that go
        blocks = min(left, chance.randint(1, 4))
        tournament.emit(blocks)
        index.update(tournament.reader.newest())
        left -= blocks
    before = store.head().number
    tournament.reorganise(depth, events=chance.randint(0, 3))
    tournament.emit(chance.randint(0, 2))
    taken_back = index.update(tournament.reader.newest())
    assert depth <= taken_back <= depth + 3  # to the stop before
    assert before - taken_back in [stop.number for stop in store.stops()]
    assert list(store.everything()) == rebuilt(tournament, tmp_path)
    assert shown(list(store.everything())) == tournament.truth()


def test_index__next_block_has_another_parent__noticed_by_it_alone(
    tournament: Tournament, index: ChainIndex, store: EventStore, tmp_path: Path
) -> None:
    tournament.emit(2)
    index.update(tournament.reader.newest())
    tournament.reorganise(1, events=1)
    tournament.emit(1)  # one block after the one that is indexed and gone
    assert tournament.reader.newest().number == store.head().number + 1
    assert index.update(tournament.reader.newest()) > 0
    assert list(store.everything()) == rebuilt(tournament, tmp_path)


def test_index__chain_became_shorter__what_is_gone_is_taken_back(
    tournament: Tournament, index: ChainIndex, store: EventStore, tmp_path: Path
) -> None:
    index.update(tournament.reader.newest())
    snapshot = tournament.anvil.ask("evm_snapshot")
    tournament.emit(4)
    index.update(tournament.reader.newest())
    tournament.anvil.ask("evm_revert", snapshot)
    assert index.update(tournament.reader.newest()) == 4
    assert list(store.everything()) == rebuilt(tournament, tmp_path)


def test_index__nothing_it_knows_is_on_the_chain__built_anew(
    tournament: Tournament, index: ChainIndex, store: EventStore, tmp_path: Path
) -> None:
    tournament.emit(3)
    index.update(tournament.reader.newest())
    tournament.reorganise(2, events=1)
    tournament.emit(2)
    assert index.update(tournament.reader.newest()) > 2  # the only stop went
    assert list(store.everything()) == rebuilt(tournament, tmp_path)


def test_index__asked_for_an_earlier_block__keeps_what_it_has(
    tournament: Tournament, index: ChainIndex, store: EventStore
) -> None:
    earlier = tournament.reader.finalized()
    tournament.emit(2)
    newest = tournament.reader.newest()
    index.update(newest)
    assert index.update(earlier) == 0
    assert store.head().number == newest.number


def test_index__block_is_gone_before_it_is_indexed__nothing_of_it_is_kept(
    tournament: Tournament, index: ChainIndex, store: EventStore, tmp_path: Path
) -> None:
    index.update(tournament.reader.newest())
    known = list(store.everything())
    tournament.emit(2)
    gone = tournament.reader.newest()
    tournament.reorganise(1, events=1)
    assert index.update(gone) == 0
    assert list(store.everything()) == known
    index.update(tournament.reader.newest())
    assert list(store.everything()) == rebuilt(tournament, tmp_path)


# ---------------------------------------------------------------------- reading events


def test_reader__with_an_index__answers_as_without_one(
    tournament: Tournament, index: ChainIndex, store: EventStore
) -> None:
    index.update(tournament.reader.newest())
    tournament.emit(2)  # known to the chain only
    plain = tournament.reader
    with FaultyRpc(tournament.url) as proxy:
        indexed = PoolReader.open(proxy.url, tournament.pool, CHAIN_ID, logs=IndexedLogs(store))
        last = indexed.newest().number
        for contract, name in (("registry", "Reserved"), ("oracle", "TemplateAdded")):
            ours, theirs = (getattr(r, contract).events[name] for r in (indexed, plain))
            direct = plain.logs.logs(theirs, {}, 0, last)
            assert direct
            assert indexed.logs.logs(ours, {}, 0, last) == direct
            filters = dict(list(direct[-1]["args"].items())[:1])
            assert indexed.logs.logs(ours, filters, 0, last) == direct[-1:]
        at = store.head().number
        before = proxy.requests["eth_getLogs"]
        assert indexed.announced(1, at) == tournament.reader.announced(1, at)
        assert proxy.requests["eth_getLogs"] == before


def test_reader__pinned_to_a_block__tells_what_was_so_then(
    tournament: Tournament, index: ChainIndex, store: EventStore
) -> None:
    reader, ask = tournament.reader, tournament.anvil.ask
    before = reader.newest()
    number, opens = reader.state()["last_announced"] + 1, before.timestamp + 100
    closes = opens + 100_000
    announce = reader.oracle.functions.announce(
        number, opens, closes, 1000, 10**6, bytes(32), SPEC_HASH
    )
    announcer = reader.oracle.functions.announcer().call()
    ask("anvil_impersonateAccount", announcer)
    ask("anvil_setBalance", announcer, hex(10**18))
    data = announce.build_transaction({"gas": 10**6, "maxFeePerGas": 0, "nonce": 0})["data"]
    to = reader.oracle.address
    tournament.anvil.send(**{"from": announcer, "to": to, "data": data, "gas": hex(10**6)})
    tournament.emit(3)
    final = reader.finalized()
    index.update(final)
    fresh = PoolReader.open(tournament.url, tournament.pool, CHAIN_ID, logs=IndexedLogs(store))
    for pinned in (fresh, fresh, reader):  # the second time from memory
        assert pinned.announced(number, before.number) is None
        announced = pinned.announced(number, final.number)
        assert announced is not None
        assert announced.closes == closes
        assert announced.hash() == pinned.sealed(number, final.number)
        assert pinned.sealed(number, before.number) == bytes(32)
        assert pinned.committed(number, final.number) is None
        assert pinned.members(number, final.number) == pinned.operators()
        assert pinned.signers(number, final.number) == pinned.operators()
        assert pinned.needed(number, final.number) == 3
        assert pinned.receipts_needed(number, final.number) == 2
        assert pinned.target(before.number) == number
        assert pinned.cursor(number, final.number) is None


def test_rpc_logs__endpoint_refuses_long_ranges__pages_are_halved_until_it_answers(
    tournament: Tournament,
) -> None:
    tournament.anvil.mine(60)
    tournament.emit(2)
    last = tournament.reader.newest().number
    reserved = tournament.reader.registry.events.Reserved
    expected = tournament.reader.logs.logs(reserved, {}, 0, last)
    with FaultyRpc(tournament.url) as proxy:
        reader = PoolReader.open(proxy.url, tournament.pool, CHAIN_ID)
        event = reader.registry.events.Reserved
        before = proxy.requests["eth_getLogs"]
        proxy.set(refuse_ranges={"blocks": 7})
        assert reader.logs.logs(event, {}, 0, last) == expected
        assert proxy.requests["eth_getLogs"] - before > last // 7
        proxy.set(refuse_ranges={"blocks": 0})
        with pytest.raises(UnreachableError, match="range is too large"):
            reader.logs.logs(event, {}, 0, last)


def test_rpc_logs__old_state_is_not_kept__starts_at_the_first_block(tournament: Tournament) -> None:
    """A node without an archive cannot tell since when there is code."""

    class Pruned:
        block_number = 50

        def get_code(self, _: str, number: int) -> bytes:
            if number < 30:
                raise Web3RPCError("missing trie node")
            return b"code"

    class Node:
        eth = Pruned()

    logs = RpcLogs(Node(), "http://node", [tournament.pool])  # type: ignore[arg-type]
    assert logs.first_block == 0


@pytest.mark.parametrize("count", [2, 3])
def test_index__an_endpoint_leaves_logs_out__they_are_not_missing_in_the_index(
    tournament: Tournament, store: EventStore, count: int
) -> None:
    with ExitStack() as stack:
        proxies = [stack.enter_context(FaultyRpc(tournament.url)) for _ in range(count)]
        reader = PoolReader.open([p.url for p in proxies], tournament.pool, CHAIN_ID)
        tournament.emit(2)
        tournament.anvil.mine(3)
        proxies[0].set(missing_logs={"keep": 2})
        final = reader.finalized()
        if count == 2:
            with pytest.raises(UnreachableError, match="disagree on eth_getLogs"):
                ChainIndex(reader, store).update(final)
            assert store.head() is None
            return
        ChainIndex(reader, store).update(final)
        known: list[Any] = [log for log in tournament.truth() if log[0] <= final.number]
        assert shown(list(store.everything())) == known
        [outvoted] = [h for h in endpoints_of(reader.web3).health() if not h.healthy]
        assert outvoted.host == proxies[0].url


# ---------------------------------------------------------------------- an idle operator


def test_reader__nothing_happens__a_cycle_asks_for_the_finalized_block_and_no_more(
    tournament: Tournament, store: EventStore
) -> None:
    with ExitStack() as stack:
        proxies = [stack.enter_context(FaultyRpc(tournament.url)) for _ in range(3)]
        urls = [proxy.url for proxy in proxies]
        reader = PoolReader.open(urls, tournament.pool, CHAIN_ID, logs=IndexedLogs(store))
        index = ChainIndex(reader, store)
        index.update(reader.finalized())
        for proxy in proxies:
            proxy.requests.clear()
        for _ in range(5):
            index.update(reader.finalized())
        assert [sum(proxy.requests.values()) for proxy in proxies] == [5, 5, 5]
