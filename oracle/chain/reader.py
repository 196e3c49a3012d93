"""Reading one tournament's contracts, every answer pinned to a block."""

import time
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
from oracle.settlement.reference import Clocks, ReferencePool, Stakes
from oracle.settlement.rounds import RoundFacts, Status
from oracle.settlement.typed_data import Announcement, Commit
from oracle.settlement.units import LANES_PER_WORD, words_for
from oracle.settlement.words import QueueRecord, decode_lane, decode_record, split_word

_PAGE = 1024
_BLOCK_SECONDS = 60
_POLL_SECONDS = 0.2
_MODEL_SHIFT = 160


@dataclass(frozen=True, slots=True)
class Addresses:
    """A tournament's contracts; the pool names the others."""

    chain_id: int
    pool: str
    oracle: str
    registry: str
    relay: str
    token: str
    burn_vault: str
    tournament: int


class PoolReader:
    """Reads the contracts of one tournament over one endpoint."""

    def __init__(self, web3: Web3, url: str, pool: str) -> None:
        self.web3, self.url = web3, url
        self._announced: dict[int, Announcement] = {}
        self._templates: dict[bytes, Template] = {}
        self._members: dict[int, list[str]] = {}
        self.pool = self._contract("StakePool", pool)
        with readable(url):
            self.oracle = self._contract("RoundOracle", self.pool.functions.ORACLE().call())
            self.registry = self._contract("ModelRegistry", self.pool.functions.REGISTRY().call())
            self.relay = self._contract("StakeRelay", self.pool.functions.RELAY().call())
            self.addresses = Addresses(
                chain_id=web3.eth.chain_id,
                pool=self.pool.address,
                oracle=self.oracle.address,
                registry=self.registry.address,
                relay=self.relay.address,
                token=self.pool.functions.TOKEN().call(),
                burn_vault=self.pool.functions.BURN_VAULT().call(),
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

    def await_time(self, timestamp: int) -> None:
        """Returns once a block has ``timestamp`` or a later one."""
        seconds = max(0, timestamp - self.newest().timestamp) + _BLOCK_SECONDS
        deadline = time.monotonic() + seconds
        while self.newest().timestamp < timestamp:
            if time.monotonic() > deadline:
                raise UnreachableError(
                    f"no block of time {timestamp} or later in {seconds} s",
                    "see whether the chain goes on",
                )
            time.sleep(_POLL_SECONDS)

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
    def clocks(self) -> Clocks:
        """The pool's own times."""
        return Clocks(*self._call(self.pool.functions.clocks()))

    @cached_property
    def fee(self) -> int:
        """Wei that registering a model costs."""
        return self._call(self.registry.functions.FEE())

    @cached_property
    def reserve_delay(self) -> int:
        """Seconds from reserving a model's name to registering it, at least."""
        return self._call(self.registry.functions.RESERVE_DELAY())

    def reserved_at(self, commitment: bytes) -> int:
        """Block time of a reservation."""
        return self._call(self.registry.functions.reserved_at(commitment))

    # ------------------------------------------------------------------ operators

    def operators(self) -> list[str]:
        """Every operator there ever was, in the order of their registration."""
        return self._call(self.oracle.functions.signers())

    def members(self, number: int) -> list[str]:
        """The operators that round ``number`` was announced with, whatever became of them."""
        epoch = self._epoch(number)
        if epoch not in self._members:
            self._members[epoch] = self._call(self.oracle.functions.members(epoch))
        return self._members[epoch]

    def signers(self, number: int) -> list[str]:
        """Those of ``members`` whose signatures count now: neither revoked nor suspended."""
        epoch = self._epoch(number)
        is_signer = self.oracle.functions.is_signer
        return [who for who in self.members(number) if self._call(is_signer(who, epoch))]

    def needed(self, number: int) -> int:
        """How many operators must sign round ``number``'s commit."""
        return self._round(number)["threshold"] or self._call(self.oracle.functions.threshold())

    def receipts_needed(self, number: int) -> int:
        """How many operators' receipts make a submission count: one more than may be lying."""
        return len(self.members(number)) - self.needed(number) + 1

    def _epoch(self, number: int) -> int:
        """The round's epoch; of a round that was not announced, what it would be now."""
        return self._round(number)["epoch"] or self._named(self.oracle.functions.latest())["epoch"]

    # ------------------------------------------------------------------ rounds

    def last_phi(self) -> int:
        """phi of the last announced round at 10^-6, 1 before the first: the next is a step away."""
        return self._named(self.oracle.functions.latest())["phi"]

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
            template=self._template(log["args"]["template_hash"]),
            **{name: log["args"][name] for name in names},
        )
        if log["blockNumber"] <= self.finalized().number:
            self._announced[number] = announced
        return announced

    def _template(self, hashed: bytes) -> Template:
        """The payout rule with a hash; rules are added, never changed."""
        if hashed not in self._templates:
            with readable(self.url):
                logs = self.oracle.events.TemplateAdded().get_logs(
                    argument_filters={"template_hash": hashed}, from_block=0
                )
            kinds, multipliers, *rest = logs[0]["args"]["template"].values()
            self._templates[hashed] = Template(tuple(kinds), tuple(multipliers), *rest)
        return self._templates[hashed]

    def sealed(self, number: int) -> bytes:
        """The round's announce hash until its commit, then the commit's struct hash."""
        return self._call(self.oracle.functions.sealed(number))

    def committed(self, number: int) -> Commit | None:
        """The result in force of round ``number``, or None: committed, or confirmed after that."""
        announced = self.announced(number)
        events = self.oracle.events
        log = self._log(events.Confirmed, number) or self._log(events.Committed, number)
        if log is None or announced is None:
            return None
        names = ("close_block_hash", "chain_head", "at_risk", "words", "manifest", "meta_root")
        return Commit(
            pool=self.addresses.pool,
            tournament=self.addresses.tournament,
            round=number,
            epoch=announced.epoch,
            announce_hash=announced.hash(),
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
        return self._round(number)["chain_head"]

    def target(self) -> int:
        """The round that a stake action joins now."""
        return self._call(self.pool.functions.target())

    def client(self) -> str:
        """What the node calls itself."""
        with readable(self.url):
            return self.web3.client_version

    def open_rounds(self, at: Block) -> Iterator[RoundFacts]:
        """Rounds from the head to the last announced or skipped one, as of ``at``."""
        state = self.state(at.number)
        for number in range(state["head"], state["last_announced"] + 1):
            yield self.facts(number, at, state["head"])

    def skippable(self, at: Block) -> int | None:
        """The head round if nobody announced it for so long that anyone may skip it, or None."""
        state = self.state(at.number)
        head = state["head"]
        if head <= state["last_announced"] or state["wound_down"]:
            return None
        last_close = self.round_state(head - 1, at.number)["close"]
        return head if at.timestamp >= last_close + self.clocks.skip_after else None

    def facts(self, number: int, at: Block, head: int) -> RoundFacts:
        known = self._round(number, at.number)
        waiting = self.round_state(number, at.number)
        return RoundFacts(
            number=number,
            status=Status(known["status"]),
            opens=known["opens"],
            closes=known["closes"] or waiting["close"],
            horizon=known["horizon"],
            final_at=known["final_at"] or None,
            head=head,
            queue_empty=not waiting["queue_head"],
            skipped=waiting["skipped"],
            void_at=waiting["void_at"] or None,
        )

    def _round(self, number: int, at: int | None = None) -> dict[str, Any]:
        """What RoundOracle knows of a round."""
        return self._named(self.oracle.functions.round_of(number), at)

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

    def owners(self, at: int) -> list[str]:
        """Owner, in lower case, of every model at block ``at``."""
        view, count = self.registry.functions.owners, self.models(at)
        pages = (self._call(view(start, _PAGE), at) for start in range(0, count, _PAGE))
        return [owner.lower() for page in pages for owner in page]

    def payout_of(self, model: int) -> str:
        """Where claims are paid now."""
        return self._call(self.registry.functions.payout_of(model))

    def nonce_of(self, model: int) -> int:
        """The nonce that the owner's next request uses up."""
        return self._call(self.registry.functions.nonce_of(model))

    def version_of(self, model: int) -> int:
        """Rises with everything that happens to a model; ``accept`` names it."""
        return self._call(self.registry.functions.version_of(model))

    def offer_of(self, model: int) -> tuple[str, int]:
        """Who may take the model over, and from when; the zero address for nobody."""
        return tuple(self._call(self.registry.functions.offer_of(model)))

    def mandate_use(self, owner: str, hashed: bytes) -> dict[str, Any]:
        """What was used of a mandate: deposited and released in wei, and whether revoked."""
        return self._named(self.relay.functions.mandate_use(owner, hashed))

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
        # The round before the head tells from when an unannounced head may be skipped.
        seen = range(state["head"] - 1, state["last_announced"] + 1)
        found = {n: self.round_state(n, at) for n in seen}
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
            closes={n: known["close"] for n, known in found.items()},
            head=state["head"],
            last_announced=state["last_announced"],
            vault=totals["vault"],
            burn_owed=totals["burn_owed"],
            clocks=self.clocks,
            head_since=state["head_since"],
            skipped={n for n, known in found.items() if known["skipped"]},
            void_at={n: known["void_at"] for n, known in found.items() if known["void_at"]},
            paused_until=state["paused_until"],
            wound_down=state["wound_down"],
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
