"""Reading one tournament's contracts, every answer pinned to a block."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from web3 import Web3

from oracle.chain.logs import LogSource
from oracle.chain.rpc import Block, block, readable
from oracle.chain.views import Addresses, Views
from oracle.errors import RefusedError
from oracle.settlement.manifest import CloseBlock
from oracle.settlement.payout import Template
from oracle.settlement.reference import Clocks, ReferencePool, Stakes
from oracle.settlement.reference_oracle import BOND_PART, MIN_BOND
from oracle.settlement.rounds import RoundFacts, Status
from oracle.settlement.typed_data import Announcement, Commit
from oracle.settlement.units import LANES_PER_WORD, WEI_PER_UNIT, words_for
from oracle.settlement.words import QueueRecord, decode_lane, decode_record, split_word

_PAGE = 1024
_MODEL_SHIFT = 160

__all__ = ["Addresses", "Challenge", "PoolReader"]


@dataclass(frozen=True, slots=True)
class Challenge:
    """A round's challenge: ``bond`` in U, ``outcome`` as in ``reference_oracle.Outcome``,
    ``evidence`` the hash that its challenger named."""

    challenger: str
    challenged_at: int
    bond: int
    outcome: int
    bond_settled: bool
    challenge_id: bytes
    evidence: bytes


class PoolReader(Views):
    """Reads the contracts of one tournament.

    ``at`` is the block a reading is pinned to, the newest one where it is None.
    """

    def __init__(self, web3: Web3, url: str, pool: str, logs: LogSource | None = None) -> None:
        super().__init__(web3, url, pool, logs)
        self._announced: dict[int, tuple[Announcement, int]] = {}
        self._templates: dict[bytes, Template] = {}
        self._members: dict[int, list[str]] = {}

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
    def governor(self) -> str:
        """The timelock that may change what rounds are announced with."""
        return self._call(self.oracle.functions.GOVERNOR())

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

    def operators(self, at: int | None = None) -> list[str]:
        """Every operator there ever was, in the order of their registration."""
        return self._call(self.oracle.functions.signers(), at)

    def members(self, number: int, at: int | None = None) -> list[str]:
        """The operators that round ``number`` was announced with, whatever became of them."""
        announced = self._round(number, at)["epoch"]
        if announced in self._members:
            return self._members[announced]
        epoch = announced or self._named(self.oracle.functions.latest(), at)["epoch"]
        found = self._call(self.oracle.functions.members(epoch), at)
        # Rounds of an epoch have the same members for ever; a block that may go proves nothing.
        if announced and at is not None and at <= self._final:
            self._members[epoch] = found
        return found

    def signers(self, number: int, at: int | None = None) -> list[str]:
        """Those of ``members`` whose signatures count: neither revoked nor suspended."""
        epoch = self._epoch(number, at)
        is_signer = self.oracle.functions.is_signer
        members = self.members(number, at)
        return [who for who in members if self._call(is_signer(who, epoch), at)]

    def needed(self, number: int, at: int | None = None) -> int:
        """How many operators must sign round ``number``'s commit."""
        threshold = self.oracle.functions.threshold()
        return self._round(number, at)["threshold"] or self._call(threshold, at)

    def super_quorum(self, number: int, at: int | None = None) -> int:
        """How many operators must answer a challenge of the announced round; 0: nobody can."""
        return self._round(number, at)["super_quorum"]

    def receipts_needed(self, number: int, at: int | None = None) -> int:
        """How many operators' receipts make a submission count: one more than may be lying."""
        return len(self.members(number, at)) - self.needed(number, at) + 1

    def _epoch(self, number: int, at: int | None = None) -> int:
        """The round's epoch; of a round that was not announced, what it would be then."""
        latest = self.oracle.functions.latest()
        return self._round(number, at)["epoch"] or self._named(latest, at)["epoch"]

    # ------------------------------------------------------------------ rounds

    def last_phi(self, at: int | None = None) -> int:
        """phi of the last announced round at 10^-6, 1 before the first: the next is a step away."""
        return self._named(self.oracle.functions.latest(), at)["phi"]

    def announced(self, number: int, at: int | None = None) -> Announcement | None:
        """What round ``number`` was announced with, or None; remembered once it is final."""
        # Asked once: the loop may forget the round meanwhile.
        known = self._announced.get(number)
        if known is not None:
            announced, since = known
            return announced if at is None or since <= at else None
        log = self._log(self.oracle.events.Announced, number, at)
        if log is None:
            return None
        names = ("opens", "closes", "horizon", "phi", "series_hash", "spec_hash", "epoch")
        announced = Announcement(
            pool=self.addresses.pool,
            tournament=self.addresses.tournament,
            round=number,
            template=self._template(log["args"]["template_hash"], log["blockNumber"]),
            **{name: log["args"][name] for name in names},
        )
        if self._is_final(log["blockNumber"]):
            self._announced[number] = announced, log["blockNumber"]
        return announced

    def forget_before(self, number: int) -> None:
        """Drops what is remembered of earlier rounds: asked for again, it is read again."""
        # Copied at once, since servers read beside the loop that forgets.
        gone = {n: kept for n, (kept, _) in self._announced.copy().items() if n < number}
        for old in gone:
            self._announced.pop(old, None)
        # Rounds close in their order; so no close of an earlier one stays either.
        self._forget_closes(max((announced.closes for announced in gone.values()), default=0))

    def _template(self, hashed: bytes, at: int) -> Template:
        """The payout rule with a hash; rules are added, never changed."""
        if hashed not in self._templates:
            added = self.oracle.events.TemplateAdded
            logs = self._logs(added, {"template_hash": hashed}, at)
            kinds, multipliers, *rest = logs[0]["args"]["template"].values()
            self._templates[hashed] = Template(tuple(kinds), tuple(multipliers), *rest)
        return self._templates[hashed]

    def sealed(self, number: int, at: int | None = None) -> bytes:
        """The round's announce hash until its commit, then the commit's struct hash."""
        return self._call(self.oracle.functions.sealed(number), at)

    def committed(self, number: int, at: int | None = None) -> Commit | None:
        """The result in force of round ``number``, or None: committed, or confirmed after that."""
        announced = self.announced(number, at)
        events = self.oracle.events
        log = self._log(events.Confirmed, number, at) or self._log(events.Committed, number, at)
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

    def challenge_of(self, number: int, at: int | None = None) -> Challenge | None:
        """The round's challenge, answered or not, or None."""
        found = self._named(self.oracle.functions.challenge_of(number), at)
        if not found["challenged_at"]:
            return None
        log = self._log(self.oracle.events.Challenged, number, at)
        return None if log is None else Challenge(**found, evidence=log["args"]["evidence"])

    def tokens_of(self, account: str) -> int:
        """U that ``account`` holds outside of the pool."""
        token = self._contract("ChildNmr", self.addresses.token)
        return self._call(token.functions.balanceOf(account)) // WEI_PER_UNIT

    def allowance_of(self, account: str, spender: str) -> int:
        """Wei of ``account``'s tokens that ``spender`` may take."""
        token = self._contract("ChildNmr", self.addresses.token)
        return self._call(token.functions.allowance(account, spender))

    def model_named(self, name_hash: bytes) -> int | None:
        """The model whose name has this hash, or None."""
        try:
            return self._call(self.registry.functions.id_of(name_hash))
        except RefusedError:
            return None

    def bond(self) -> int:
        """U that a challenge would take now: 0.1 % of all stake, at least 100 NMR."""
        return max(MIN_BOND, self.totals()["staked"] // BOND_PART)

    def state(self, at: int | None = None) -> dict[str, Any]:
        """The pool's progress: head, begun, next_word, last_announced and so on."""
        return self._named(self.pool.functions.state(), at)

    def totals(self, at: int | None = None) -> dict[str, int]:
        """Parts of what the pool holds, in U."""
        return self._named(self.pool.functions.totals(), at)

    def round_state(self, number: int, at: int | None = None) -> dict[str, Any]:
        return self._named(self.pool.functions.round_state(number), at)

    def cursor(self, number: int, at: int | None = None) -> bytes | None:
        """Link of the next batch of a begun round, or None before it begins."""
        state = self.state(at)
        if state["head"] != number or not state["begun"]:
            return None
        return self.round_state(number, at)["cursor"]

    def chain_head(self, number: int, at: int | None = None) -> bytes:
        """Link of a committed round's first batch."""
        return self._round(number, at)["chain_head"]

    def last_close(self, at: int | None = None) -> int:
        """Close of the last announced round, 0 before the first."""
        return self._named(self.oracle.functions.latest(), at)["closes"]

    def flushed_at(self, at: int) -> int:
        """When burns were last sent to the burn vault; before the first time, the first close."""
        flushed = self._logs(self.pool.events.BurnFlushed, {}, at)
        if not flushed:
            return self.round_state(1, at)["close"]
        with readable(self.url):
            return block(self.web3, flushed[-1]["blockNumber"]).timestamp

    def target(self, at: int | None = None) -> int:
        """The round that a stake action joins."""
        return self._call(self.pool.functions.target(), at)

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
            challenged_at=known["challenged_at"] or None,
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

    def former_owners(self, model: int) -> set[str]:
        """Whoever has handed ``model`` on, up to the newest block."""
        logs = self._logs(self.registry.events.Transferred, {"model": model}, None)
        return {log["args"]["from_owner"] for log in logs}

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
