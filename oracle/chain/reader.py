"""Reading one tournament's contracts, every answer pinned to a block."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_utils import is_address, to_checksum_address
from web3 import Web3
from web3.contract import Contract

from oracle.chain.abi import abi
from oracle.chain.rpc import Block, block, connect, last_block_before, readable
from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.settlement.manifest import CloseBlock
from oracle.settlement.payout import Template
from oracle.settlement.reference import ReferencePool, Stakes
from oracle.settlement.rounds import RoundFacts
from oracle.settlement.typed_data import Announcement, Commit
from oracle.settlement.units import LANES_PER_WORD, words_for
from oracle.settlement.words import QueueRecord, decode_lane, decode_record, split_word

_PAGE = 1024
_MODEL_SHIFT = 160


@dataclass(frozen=True, slots=True)
class Addresses:
    """A tournament's contracts; the pool names the others."""

    chain_id: int
    pool: str
    oracle: str
    registry: str
    token: str
    tournament: int


class PoolReader:
    """Reads StakePool, RoundOracle and ModelRegistry of one tournament over one endpoint."""

    def __init__(self, web3: Web3, url: str, pool: str) -> None:
        self.web3, self.url = web3, url
        self._announced: dict[int, Announcement] = {}
        self.pool = self._contract("StakePool", pool)
        with readable(url):
            self.oracle = self._contract("RoundOracle", self.pool.functions.ORACLE().call())
            self.registry = self._contract("ModelRegistry", self.pool.functions.REGISTRY().call())
            self.addresses = Addresses(
                chain_id=web3.eth.chain_id,
                pool=self.pool.address,
                oracle=self.oracle.address,
                registry=self.registry.address,
                token=self.pool.functions.TOKEN().call(),
                tournament=self.oracle.functions.TOURNAMENT().call(),
            )

    @classmethod
    def open(cls, url: str, pool: str, chain_id: int | None = None) -> "PoolReader":
        """A reader of the pool at address ``pool``; checks the chain id if it is given."""
        if not is_address(pool):
            raise InputError(f"{pool!r} is not an address")
        web3 = connect(url, chain_id)
        with readable(url):
            if not web3.eth.get_code(to_checksum_address(pool)):
                raise InputError(
                    f"there is no contract at {pool} on chain {web3.eth.chain_id}",
                    "check the pool's address and that the RPC serves its chain",
                )
        return cls(web3, url, pool)

    def _contract(self, name: str, address: str) -> Contract:
        return self.web3.eth.contract(address=to_checksum_address(address), abi=abi(name))

    # ------------------------------------------------------------------ blocks

    def newest(self) -> Block:
        with readable(self.url):
            return block(self.web3, "latest")

    def finalized(self) -> Block:
        with readable(self.url):
            return block(self.web3, "finalized")

    def close_block(self, closes: int) -> CloseBlock:
        """The last block before ``closes``, among the finalized ones."""
        finalized = self.finalized()
        if finalized.timestamp < closes:
            raise UnreachableError("the close is not final yet at this endpoint", "try again later")
        with readable(self.url):
            found = last_block_before(self.web3, closes, finalized)
        return CloseBlock(number=found.number, hash=found.hash, timestamp=found.timestamp)

    # ------------------------------------------------------------------ fixed at construction

    @cached_property
    def timing(self) -> dict[str, int]:
        """Bounds of every round in seconds, by name."""
        return self._named(self.oracle.functions.timing())

    @cached_property
    def template(self) -> Template:
        kinds, multipliers, *rest = self._call(self.oracle.functions.template())
        return Template(tuple(kinds), tuple(multipliers), *rest)

    def signers(self) -> list[str]:
        return list(self._signers)

    @cached_property
    def _signers(self) -> list[str]:
        return self._call(self.oracle.functions.signers())

    def needed(self) -> int:
        """How many operators must sign."""
        return self._needed

    @cached_property
    def _needed(self) -> int:
        return self._call(self.oracle.functions.threshold())

    def receipts_needed(self) -> int:
        """How many operators' receipts make a submission count: one more than may be lying."""
        return len(self._signers) - self._needed + 1

    # ------------------------------------------------------------------ rounds

    def announced(self, number: int) -> Announcement | None:
        """What round ``number`` was announced with, or None; remembered once it is final."""
        if number in self._announced:
            return self._announced[number]
        log = self._log(self.oracle.events.Announced, number)
        if log is None:
            return None
        names = ("opens", "closes", "horizon", "phi", "series_hash", "spec_hash", "epoch")
        announced = Announcement(
            pool=self.addresses.pool,
            tournament=self.addresses.tournament,
            round=number,
            template=self.template,
            **{name: log["args"][name] for name in names},
        )
        if log["blockNumber"] <= self.finalized().number:
            self._announced[number] = announced
        return announced

    def announce_hash(self, number: int) -> bytes:
        return self._call(self.oracle.functions.announce_hash(number))

    def committed(self, number: int) -> Commit | None:
        """What the operators committed for round ``number``, or None."""
        log = self._log(self.oracle.events.Committed, number)
        announced = self.announced(number)
        if log is None or announced is None:
            return None
        names = ("close_block_hash", "chain_head", "at_risk", "words", "manifest", "meta_root")
        return Commit(
            pool=self.addresses.pool,
            tournament=self.addresses.tournament,
            round=number,
            epoch=announced.epoch,
            announce_hash=self.announce_hash(number),
            **{name: log["args"][name] for name in names},
        )

    def _log(self, event: Any, number: int) -> Any:
        """The one log of ``event`` for a round, or None."""
        with readable(self.url):
            logs = event().get_logs(argument_filters={"round": number}, from_block=0)
        return logs[-1] if logs else None

    def state(self, at: int | None = None) -> dict[str, Any]:
        """The pool's progress: head, begun, next_word, last_announced and so on."""
        return self._named(self.pool.functions.state(), at)

    def totals(self, at: int | None = None) -> dict[str, int]:
        """Parts of what the pool holds, in U."""
        return self._named(self.pool.functions.totals(), at)

    def round_state(self, number: int, at: int | None = None) -> dict[str, Any]:
        return self._named(self.pool.functions.round_state(number), at)

    def _call(self, function: Any, at: int | None = None) -> Any:
        """What a view answers at block ``at``, or at the newest one."""
        with readable(self.url):
            return function.call(block_identifier="latest" if at is None else at)

    def _named(self, function: Any, at: int | None = None) -> dict[str, Any]:
        """A view's struct as a mapping by field name."""
        values = self._call(function, at)
        names = [part["name"] for part in function.abi["outputs"][0]["components"]]
        return dict(zip(names, values, strict=True))

    def cursor(self, number: int) -> bytes | None:
        """Link of the next batch of a begun round, or None before it begins."""
        state = self.state()
        if state["head"] != number or not state["begun"]:
            return None
        return self.round_state(number)["cursor"]

    def chain_head(self, number: int) -> bytes:
        return self._named(self.oracle.functions.round_of(number))["chain_head"]

    def target(self) -> int:
        """The round that a stake action joins now."""
        return self._call(self.pool.functions.target())

    def client(self) -> str:
        """What the node calls itself."""
        with readable(self.url):
            return self.web3.client_version

    def open_rounds(self, at: Block) -> Iterator[RoundFacts]:
        """Announced rounds that are not settled, as of ``at``."""
        state = self.state(at.number)
        for number in range(state["head"], state["last_announced"] + 1):
            yield self.facts(number, at, state["head"])

    def facts(self, number: int, at: Block, head: int) -> RoundFacts:
        named = self._named(self.oracle.functions.round_of(number), at.number)
        return RoundFacts(
            number=number,
            opens=named["opens"],
            closes=named["closes"],
            horizon=named["horizon"],
            grace=self.timing["grace"],
            window=self.timing["window"],
            committed_at=named["committed_at"] or None,
            head=head,
            queue_empty=not self.round_state(number, at.number)["queue_head"],
        )

    # ------------------------------------------------------------------ models and stakes

    def models(self, at: int | None = None) -> int:
        """Number of registered models."""
        return self._call(self.registry.functions.count(), at)

    def owner_of(self, model: int, at: int | None = None) -> str | None:
        """Owner of ``model``, or None for an unknown one."""
        try:
            return self._call(self.registry.functions.owner_of(model), at)
        except RefusedError:
            return None

    def queue(self, number: int, at: int) -> dict[int, QueueRecord]:
        """Undrained records of a round, in the order a drain takes them."""
        records: dict[int, QueueRecord] = {}
        following = 0
        while True:
            page = self._call(self.pool.functions.queue(number, following, _PAGE), at)
            for packed in page:
                record = decode_record(packed & ((1 << _MODEL_SHIFT) - 1))
                records[packed >> _MODEL_SHIFT] = record
            if not page or record.next_model is None:
                return records
            following = record.next_model + 1

    def pool_at(self, at: int) -> ReferencePool:
        """The pool's whole state at block ``at``, as the reference model holds it."""
        models = self.models(at)
        state, totals = self.state(at), self.totals(at)
        # Requests may also wait for the round after the last announced one.
        rounds = range(state["head"], state["last_announced"] + 2)
        lanes = {
            model: decode_lane(bits)
            for model, bits in self._lanes(self.pool.functions.lane_words, models, at)
            if bits
        }
        out = {
            m: bits for m, bits in self._lanes(self.pool.functions.out_words, models, at) if bits
        }
        return ReferencePool(
            lanes=lanes,
            out=out,
            # The model drains from the end; a queue's first record is the newest.
            queues={n: dict(reversed(q.items())) for n in rounds if (q := self.queue(n, at))},
            closes={n: self.round_state(n, at)["close"] for n in rounds[:-1]},
            head=state["head"],
            last_announced=state["last_announced"],
            vault=totals["vault"],
            burn_owed=totals["burn_owed"],
        )

    def _lanes(self, view: Any, models: int, at: int) -> Iterator[tuple[int, int]]:
        words = words_for(models)
        for start in range(0, words, _PAGE):
            page = self._call(view(start, min(_PAGE, words - start)), at)
            for index, word in enumerate(page, start):
                for position, bits in enumerate(split_word(word)):
                    yield LANES_PER_WORD * index + position, bits

    def stakes(self, number: int, close: CloseBlock) -> Stakes:
        """Projected stakes (U) of all models for round ``number`` at its close block."""
        return self.pool_at(close.number).stakes(number, self.models(close.number))
