"""The reference pool, run beside a chain: it gets the calls that the chain's final blocks hold.

It reads calldata only, no events and no views, so what it comes to is the model's own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from web3 import Web3

from oracle.chain.reader import PoolReader
from oracle.settlement.batches import Batch
from oracle.settlement.payout import Template
from oracle.settlement.reference import ReferencePool, RoundTerms, Stakes
from oracle.settlement.units import RELEASE_ALL, WEI_PER_UNIT, nmr

_ALL_WEI = 2**256 - 1


@dataclass(frozen=True, slots=True)
class SourceBlock:
    """A block's own hash, its time, and the calls in it that succeeded: contract and calldata."""

    number: int
    hash: bytes
    timestamp: int
    calls: Sequence[tuple[str, bytes]]


class Source(Protocol):
    """Where final blocks come from."""

    def finalized(self) -> int:
        """Number of the newest final block."""

    def at(self, number: int) -> SourceBlock:
        """A final block."""


@dataclass(frozen=True, slots=True)
class NodeSource:
    """Blocks of a node."""

    web3: Web3

    def finalized(self) -> int:
        return self.web3.eth.get_block("finalized")["number"]

    def at(self, number: int) -> SourceBlock:
        block = self.web3.eth.get_block(number, full_transactions=True)
        calls = []
        for sent in block["transactions"]:
            assert not isinstance(sent, bytes)
            receipt = self.web3.eth.get_transaction_receipt(sent["hash"])
            if receipt["status"] == 1 and sent.get("to"):
                calls.append((str(sent["to"]), bytes(sent["input"])))
        return SourceBlock(number, bytes(block["hash"]), block["timestamp"], calls)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A round's last block before its close, and the reference's stakes after that block."""

    block: SourceBlock
    stakes: Stakes


@dataclass
class ChainReference:
    """``pool`` as of block ``applied``; ``follow`` brings it up to the newest final block."""

    source: Source
    reader: PoolReader
    template: Template
    pool: ReferencePool
    applied: SourceBlock
    models: int = 0
    phis: dict[int, int] = field(default_factory=dict)
    commits: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    seals: dict[int, Sealed] = field(default_factory=dict)

    @classmethod
    def start(cls, source: Source, reader: PoolReader, template: Template) -> "ChainReference":
        """From an empty pool in the newest final block; only its vault and its times are read."""
        at = source.finalized()
        there = reader.pool_at(at)
        assert not there.lanes, "the pool has stakes already"
        pool = ReferencePool(
            closes=dict(there.closes),
            vault=there.vault,
            clocks=reader.clocks,
            head_since=there.head_since,
        )
        return cls(source, reader, template, pool, source.at(at), reader.models(at))

    def follow(self) -> None:
        """Applies every block up to the newest final one."""
        for number in range(self.applied.number + 1, self.source.finalized() + 1):
            block = self.source.at(number)
            self._seal(block.timestamp)
            for name, arguments in self._calls(block):
                getattr(self, f"_{name}", _ignore)(block.timestamp, *arguments)
            self.applied = block

    def _seal(self, timestamp: int) -> None:
        """Notes the stakes of rounds whose close comes with a block of this time."""
        for number in range(self.pool.head, self.pool.last_announced + 1):
            if number not in self.seals and self.pool.closes[number] <= timestamp:
                self.seals[number] = Sealed(self.applied, self.pool.stakes(number, self.models))

    def _calls(self, block: SourceBlock) -> Iterator[tuple[str, tuple[Any, ...]]]:
        contracts = {
            str(contract.address): contract
            for contract in (self.reader.pool, self.reader.oracle, self.reader.registry)
        }
        for to, data in block.calls:
            if to in contracts:
                function, values = contracts[to].decode_function_input(data)
                yield function.fn_name, tuple(values.values())

    # ------------------------------------------------------------------ calls by their names

    def _register(self, now: int, *_: Any) -> None:
        self.models += 1

    def _announce(
        self, now: int, number: int, opens: int, closes: int, horizon: int, phi: int, *_: Any
    ) -> None:
        self.pool.schedule(number, closes, now)
        self.phis[number] = phi

    def _deposit(self, now: int, model: int, wei: int, max_round: int) -> None:
        self.pool.deposit(model, wei // WEI_PER_UNIT, now)

    def _request_release(self, now: int, model: int, wei: int, max_round: int) -> None:
        amount = RELEASE_ALL if wei == _ALL_WEI else wei // WEI_PER_UNIT
        self.pool.request_release(model, amount, now)

    def _set_mode(self, now: int, model: int, mode: int, max_round: int) -> None:
        self.pool.set_mode(model, mode, now)

    def _claim(self, now: int, model: int) -> None:
        self.pool.claim(model)

    def _fund(self, now: int, wei: int) -> None:
        self.pool.fund(wei // WEI_PER_UNIT, now)

    def _flush_burn(self, now: int) -> None:
        self.pool.flush_burn()

    def _drain(self, now: int, number: int, count: int) -> None:
        self.pool.drain(number, count, now)

    def _commit(self, now: int, number: int, result: Any, signatures: Any) -> None:
        assert number not in self.commits, f"round {number} was committed twice"
        values = result.values() if isinstance(result, dict) else result
        self.commits[number] = tuple(values)

    def _confirm(
        self, now: int, number: int, announce_hash: bytes, committed: Any, result: Any, *_: Any
    ) -> None:
        values = result.values() if isinstance(result, dict) else result
        self.commits[number] = tuple(values)

    def _skip(self, now: int, number: int) -> None:
        self.pool.skip(number, now)

    def _end_void(self, now: int, number: int) -> None:
        self.pool.end_void(number, True, now)

    def terms(self, number: int) -> RoundTerms:
        """What the oracle hands the pool for a committed round."""
        _, chain_head, at_risk, words, _, _ = self.commits[number]
        return RoundTerms(self.template, self.phis[number], at_risk, words, chain_head)

    def _settle(self, now: int, number: int, start: int, following: bytes, words: Any) -> None:
        if self.pool.progress is None:
            self.pool.begin(number, self.terms(number))
        self.pool.settle(number, Batch(start, tuple(words)), following, now)

    # ------------------------------------------------------------------ comparing

    def differences(self) -> list[str]:
        """What the contract holds otherwise than the reference, one line each."""
        there, here = self.reader.pool_at(self.applied.number), self.pool
        models = range(self.models)
        found = [
            f"lane {m}: {there.lane(m)} on chain, {here.lane(m)} in the reference"
            for m in models
            if there.lane(m) != here.lane(m)
        ]
        found += [
            f"out {m}: {nmr(there.out.get(m, 0))} on chain, {nmr(here.out.get(m, 0))} here"
            for m in models
            if there.out.get(m, 0) != here.out.get(m, 0)
        ]
        for name in ("vault", "burn_owed", "total", "queued", "out_total", "head"):
            on_chain, expected = getattr(there, name), getattr(here, name)
            if on_chain != expected:
                found.append(f"{name}: {on_chain} on chain, {expected} in the reference")
        return found


def _ignore(now: int, *_: Any) -> None:
    """A call that does not touch the pool's state."""
