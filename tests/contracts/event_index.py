"""A tournament's contracts from their logs alone: what an indexer keeps of them.

Besides logs with their block times it reads the words of a batch in the calldata of ``settle``, and
once, at the start: the block time of the pool's deployment and the constructors' times.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from assay_system import TOURNAMENT, System
from ledger import Ledger, Log, Transaction

from oracle.settlement.batches import Batch
from oracle.settlement.events import POOL_EVENTS, PoolEvent, SettledBatch, apply_event
from oracle.settlement.payout import Template
from oracle.settlement.reference import ReferencePool
from oracle.settlement.reference_oracle import Challenge, Outcome, ReferenceOracle, Round
from oracle.settlement.reference_quorum import Member
from oracle.settlement.typed_data import Result

NOBODY = "0x" + "00" * 20
RESULT_FIELDS = ("close_block_hash", "chain_head", "at_risk", "words", "manifest", "meta_root")


@dataclass
class Model:
    """A model of the registry. ``payout`` is in force until ``effective_at``, where that is not 0,
    and ``next_payout`` from then on."""

    owner: str
    name_hash: bytes
    payout: str
    next_payout: str = NOBODY
    effective_at: int = 0
    offered_to: str = NOBODY
    acceptable_at: int = 0
    nonce: int = 0
    claims: int = 0

    def payout_at(self, now: int) -> str:
        changed = self.effective_at != 0 and now >= self.effective_at
        return self.next_payout if changed else self.payout


@dataclass
class RegistryIndex:
    """Models, whose nonces and claims the pool's and the relay's logs count. Not here: open
    reservations, since ``Registered`` does not say which one it used."""

    models: dict[int, Model] = field(default_factory=dict)
    _relayed: bool = False

    def apply(self, log: Log, now: int) -> None:
        arguments = log.arguments
        model = self.models.get(arguments.get("model", -1))
        match log.event:
            case "Registered":
                owner, name_hash, payout = (arguments[n] for n in ("owner", "name_hash", "payout"))
                self.models[arguments["model"]] = Model(owner, name_hash, payout)
            case "PayoutChangeRequested":
                model.payout = model.payout_at(now)
                model.next_payout = arguments["payout"]
                model.effective_at = arguments["effective_at"]
            case "Offered":
                model.nonce += 1
                model.offered_to = arguments["to"]
                model.acceptable_at = arguments["acceptable_at"]
            case "Transferred":
                model.owner = model.payout = arguments["to"]
                model.next_payout, model.effective_at = NOBODY, 0
                model.offered_to, model.acceptable_at = NOBODY, 0
            case "Claimed" | "Exited":
                model.claims += 1
            case "IntentUsed" | "MandateUsed":
                # The request that follows in the transaction is the same action.
                model.nonce += 1
                self._relayed = True
            case "Deposited":
                # A deposit by the owner itself leaves the nonce alone.
                self._relayed = False
            case "ReleaseRequested" | "ModeRequested":
                model.nonce += not self._relayed
                self._relayed = False


@dataclass
class RelayIndex:
    """By owner and mandate's hash: wei deposited, wei released, revoked."""

    uses: dict[tuple[str, bytes], tuple[int, int, bool]] = field(default_factory=dict)

    def apply(self, log: Log) -> None:
        if log.event == "IntentUsed":
            return
        arguments = log.arguments
        mandate = (arguments["owner"], arguments["mandate"])
        if log.event == "MandateUsed":
            self.uses[mandate] = (arguments["deposited"], arguments["released"], False)
        else:
            self.uses[mandate] = (*self.uses.get(mandate, (0, 0, False))[:2], True)


class OracleIndex(ReferenceOracle):
    """Rounds, challenges, signers and roles. Statuses follow from these and the time."""

    def __post_init__(self) -> None:
        self.announcer = self.guardian = NOBODY
        self.templates_by_hash: dict[bytes, Template] = {}

    def apply(self, log: Log, now: int) -> None:
        arguments = log.arguments
        number, members = arguments.get("round"), self.quorum.members
        match log.event:
            case "TemplateAdded":
                shown = {n: _frozen(value) for n, value in arguments["template"].items()}
                self.template, self.templates = Template(**shown), arguments["number"]
                self.templates_by_hash[arguments["template_hash"]] = self.template
            case "AnnouncerSet":
                self.announcer = arguments["announcer"]
            case "GuardianSet":
                self.guardian = arguments["guardian"]
            case "SignerAdded":
                assert arguments["index"] == len(members)
                members[arguments["signer"]] = Member(arguments["first_epoch"])
            case "SignerRetired":
                self._change(arguments["signer"], last_epoch=arguments["last_epoch"])
            case "SignerRevoked":
                self._change(arguments["signer"], revoked=True)
            case "SignerSuspended":
                self._change(arguments["signer"], suspended_until=arguments["until"])
            case "Rotated":
                self.quorum.epoch = arguments["epoch"]
                self.threshold = arguments["threshold"]
                self.super_quorum = arguments["super_quorum"]
            case "Announced":
                self._announce(number, arguments)
            case "RoundCancelled":
                self.rounds[number] = replace(self.rounds[number], cancelled=True)
            case "Committed" | "Confirmed":
                result = Result(*(arguments[name] for name in RESULT_FIELDS))
                committed = log.event == "Committed"
                final_at = now + self.timing.window if committed else now
                self.rounds[number] = replace(self.rounds[number], result=result, final_at=final_at)
                if not committed:
                    outcome = Outcome.UPHELD if arguments["upheld"] else Outcome.REPLACED
                    self.challenges[number] = replace(self.challenges[number], outcome=outcome)
            case "Challenged":
                self.challenges[number] = Challenge(
                    arguments["challenger"], now, arguments["bond"], arguments["challenge_id"]
                )
            case "BondSettled":
                self.challenges[number] = replace(self.challenges[number], bond_settled=True)

    def _announce(self, number: int, arguments: dict[str, Any]) -> None:
        self.rounds[number] = Round(
            opens=arguments["opens"],
            closes=arguments["closes"],
            horizon=arguments["horizon"],
            phi=arguments["phi"],
            epoch=arguments["epoch"],
            template=self.templates_by_hash[arguments["template_hash"]],
            threshold=self.threshold,
            super_quorum=self.super_quorum,
            announce_hash=arguments["announce_hash"],
        )
        self.number, self.closes, self.phi = number, arguments["closes"], arguments["phi"]

    def _change(self, signer: str, **changes: Any) -> None:
        self.quorum.members[signer] = replace(self.quorum.members[signer], **changes)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Index:
    """All four contracts of a system, kept up to date from a ledger."""

    def __init__(self, system: System, ledger: Ledger, built: int) -> None:
        """``built`` is the block time of the pool's deployment."""
        self._system, self._ledger = system, ledger
        ledger.watch(system.pool, system.oracle, system.registry, system.relay)
        self.pool = ReferencePool(clocks=system.clocks, head_since=built, closes={0: built})
        self.registry = RegistryIndex()
        self.relay = RelayIndex()
        self.oracle = OracleIndex(
            system.pool.address, TOURNAMENT, system.timing, system.template, (), 0, 0
        )
        self.seen: set[str] = set()

    def read(self) -> None:
        """Applies all logs that are new."""
        for transaction in self._ledger.unread():
            for log in transaction.logs:
                self.apply(transaction, log)

    def apply(self, transaction: Transaction, log: Log) -> None:
        self.seen.add(log.event)
        now, system = transaction.timestamp, self._system
        if log.address == system.oracle.address:
            self.oracle.apply(log, now)
            return
        self.registry.apply(log, now)
        if log.address == system.relay.address:
            self.relay.apply(log)
        elif log.address == system.pool.address:
            assert log.event in POOL_EVENTS
            event = PoolEvent(log.event, log.arguments, now)
            apply_event(self.pool, event, self._batch(transaction, log))

    def _batch(self, transaction: Transaction, log: Log) -> SettledBatch | None:
        if log.event != "BatchSettled":
            return None
        name, call = self._ledger.abis[self._system.pool.address].call(transaction.data)
        assert (name, call["k"], call["start"]) == (
            "settle",
            log.arguments["round"],
            log.arguments["start"],
        )
        return SettledBatch(Batch(call["start"], tuple(call["words"])), call["next"])
