"""A live deployment against its record and its sources.

Three things are compared. The creation transactions: what was sent is the sources' creation code
with the recorded arguments, so that the storage the contracts began with is known too. The code on
the chain, immutables included. And what the contracts answer, against the arguments and the
addresses in the record. Only what answers can change later, and only through the timelock or by
rules that the contracts publish; such changes are explained from events.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from eth_utils import keccak
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception
from web3.types import EventData

from oracle.chain.record import DeployedContract, DeploymentRecord
from oracle.settlement.manifest import hex32
from scripts._compiled import Compiled, hash_of
from scripts._creation import Creations, Finding
from scripts._plan import abi_type, as_text, differing, human

_WIRES = {
    "child": "RootsOutbox",
    "pool": "StakePool",
    "oracle": "RoundOracle",
    "registry": "ModelRegistry",
    "relay": "StakeRelay",
    "governor": "Timelock",
}
"""Arguments that are addresses of the deployment's own contracts."""

_CHANGES = {
    "announcer": ("RoundOracle", ("AnnouncerSet",)),
    "guardian": ("RoundOracle", ("GuardianSet",)),
    "signers": (
        "RoundOracle",
        ("SignerAdded", "SignerRetired", "SignerRevoked", "SignerSuspended"),
    ),
    "threshold": ("RoundOracle", ("Rotated",)),
    "super_quorum": ("RoundOracle", ("Rotated",)),
    "template": ("RoundOracle", ("TemplateAdded",)),
    "template_hash": ("RoundOracle", ("TemplateAdded",)),
    "proposer": ("Timelock", ("ProposerSet",)),
    "canceller": ("Timelock", ("CancellerSet",)),
}
"""What may change after the deployment, and the events that say so."""

_WITHOUT_TIMELOCK = {
    "SignerRevoked": "proved to have signed two statements",
    "SignerSuspended": "suspended by the guardian",
}
"""Events that others than the timelock may cause, and what they mean then."""


@dataclass(slots=True)
class Report:
    """What a comparison at one block found."""

    chain_id: int
    tournament: int
    block: int
    checks: int = 0
    differences: list[Finding] = field(default_factory=list)
    changes: list[Finding] = field(default_factory=list)
    stand_ins: dict[str, str] = field(default_factory=dict)
    not_looked_at: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {"ok": not self.differences, **asdict(self)}


class Comparison(Creations):
    """One deployment, read at one block; what it has on the root chain, at one block of that."""

    def __init__(
        self,
        web3: Web3,
        record: DeploymentRecord,
        compiled: Mapping[str, Compiled],
        root: Web3 | None = None,
    ) -> None:
        super().__init__(web3, record, compiled, root)
        self.record = record
        self._now = web3.eth.get_block(self.heads.home)["timestamp"]
        self.report = Report(
            record.chain_id,
            record.tournament,
            self.heads.home,
            stand_ins=record.stand_ins,
            not_looked_at=[name for name in record.contracts if name not in self.within_reach],
        )
        self._contracts = {
            name: self.web3_of(contract).eth.contract(  # type: ignore[call-overload]
                address=contract.address, abi=compiled[name].abi
            )
            for name, contract in self.within_reach.items()
        }
        self._holders: dict[str, str] = {}

    def run(self) -> Report:
        """Compares everything; goes on after a difference, so that all are named."""
        for name, contract in self.within_reach.items():
            self.check_creation(name, contract)
            self.check_code(name, contract)
            self._check_wires(name, contract)
            self._check_answers(name, contract)
        self._check_deployers()
        self.report.checks += self.checks
        self.report.differences += self.differences
        return self.report

    # ------------------------------------------------------------------ wires

    def _check_wires(self, name: str, contract: DeployedContract) -> None:
        """Recorded arguments that are the deployment's own contracts, and those all share."""
        for argument, value in contract.arguments.items():
            if argument in _WIRES:
                wired = self.record.contracts[_WIRES[argument]].address
                self.expect(name, f"recorded {argument}", wired, value)
        pool = self.record.contracts["StakePool"].arguments
        for argument in ("token", "burn_vault"):
            if argument in contract.arguments:
                value = contract.arguments[argument]
                self.expect(name, f"recorded {argument}", pool[argument], value)

    def _check_deployers(self) -> None:
        """No deployer is in any argument or holds any role now."""
        for deployer in sorted({c.deployer for c in self.record.contracts.values()}):
            roles = [role for role, holder in self._holders.items() if holder == deployer]
            roles += [
                f"argument of {name}"
                for name, contract in self.record.contracts.items()
                if deployer in contract.values()
            ]
            self.expect("deployer", deployer, "no role", ", ".join(roles) or "no role")

    # ------------------------------------------------------------------ answers

    def _check_answers(self, name: str, contract: DeployedContract) -> None:
        """Every view that is named as an argument, or as a peer, answers it."""
        for function in self.compiled[name].abi:
            if function["type"] != "function" or function["inputs"]:
                continue
            what = function["name"].lower()
            expected = contract.arguments.get(what)
            if expected is None and what in _WIRES and function["name"].isupper():
                expected = self.record.contracts[_WIRES[what]].address
            if expected is None and what == "template_hash":
                expected = self._template_hash(name)
            if expected is not None:
                self._compare(name, what, expected, self._answer(name, function))

    def _template_hash(self, name: str) -> str:
        inputs = self.compiled[name].artifact.inputs
        item = next(i for i in inputs if i["name"] == "template")
        return hex32(hash_of(item, self.record.contracts[name].arguments["template"]))

    def _answer(self, name: str, function: Mapping[str, Any]) -> Any:
        """The answer as the record writes it; None if there is none."""
        contract = self._contracts[name]
        try:
            answer = contract.get_function_by_name(function["name"])().call(
                block_identifier=self.head_of(self.record.contracts[name])
            )
            if function["name"] == "signers":
                answer = self._in_force(contract, answer)
        except (Web3Exception, ValueError):
            return None
        return as_text(_named(function["outputs"][0], answer))

    def _in_force(self, contract: Contract, signers: list[str]) -> list[str]:
        """The signers whose word counts for the next announced round."""
        functions, at = contract.functions, {"block_identifier": self.heads.home}
        epoch = functions.latest().call(**at)[3]
        return [s for s in signers if functions.is_signer(s, epoch).call(**at)]

    def _compare(self, name: str, what: str, recorded: Any, live: Any) -> None:
        """One answer; struct fields one by one."""
        self.report.checks += 1
        self._remember(what, live)
        found = [
            Finding(name, path, _text(path, was), _text(path, now))
            for path, was, now in (
                differing(recorded, live, what) if live else [(what, recorded, live)]
            )
            if was != now
        ]
        if found and live and what in _CHANGES:
            why = self._explained(what, recorded, live)
            if why:
                self.report.changes += [
                    Finding(f.contract, f.what, f.recorded, f.live, why) for f in found
                ]
                return
        self.report.differences += found

    def _remember(self, what: str, live: Any) -> None:
        """Notes who holds a role."""
        if what in ("announcer", "guardian", "proposer", "canceller", "governor") and live:
            self._holders[what] = live
        elif what == "signers":
            self._holders |= {f"signers.{i}": s for i, s in enumerate(live or [])}

    # ------------------------------------------------------------------ changes

    def _explained(self, what: str, recorded: Any, live: Any) -> str:
        """How a value came to be what it is, if events say so and all came the permitted way."""
        name, events = _CHANGES[what]
        logs = self._events(name, events)
        if not logs or self._replayed(what, recorded, logs) != live:
            return ""
        ways = [self._way(log) for log in logs]
        return "; ".join(dict.fromkeys(ways)) if all(ways) else ""

    def _replayed(self, what: str, recorded: Any, logs: list[EventData]) -> Any:
        """The value after all events."""
        if what != "signers":
            name = logs[-1]["event"]
            items = next(e for e in self.compiled[_CHANGES[what][0]].abi if e.get("name") == name)
            item = next(i for i in items["inputs"] if i["name"] == what)
            return as_text(_named(item, logs[-1]["args"][what]))
        signers = list(recorded)
        for log in logs:
            signer, event = log["args"]["signer"], log["event"]
            if event == "SignerAdded":
                signers.append(signer)
            elif signer in signers and (
                event != "SignerSuspended" or log["args"]["until"] > self._now
            ):
                signers.remove(signer)
        return signers

    def _way(self, log: EventData) -> str:
        """By which permitted way an event came about; empty if by none."""
        where = f"in block {log['blockNumber']}"
        for executed in self._events("Timelock", ("Executed",)):
            if executed["transactionHash"] == log["transactionHash"]:
                return f"proposal {hex32(executed['args']['id'])} {where}"
        meaning = _WITHOUT_TIMELOCK.get(log["event"])
        return f"{log['args']['signer']} {meaning} {where}" if meaning else ""

    def _events(self, name: str, events: tuple[str, ...]) -> list[EventData]:
        """A contract's events of some kinds, without those of its creation, in order."""
        contract, record = self._contracts[name], self.record.contracts[name]
        kinds = {}
        for event in events:
            entry = next(e for e in self.compiled[name].abi if e.get("name") == event)
            types = ",".join(abi_type(i) for i in entry["inputs"])
            kinds[keccak(text=f"{event}({types})")] = contract.events[event]()
        found = []
        for log in self._logs(record.address, list(kinds), record.block or 0, self.heads.home):
            if hex32(log["transactionHash"]) != record.transaction:
                found.append(kinds[bytes(log["topics"][0])].process_log(log))
        return found

    def _logs(self, address: str, topics: list[bytes], first: int, last: int) -> Iterator[Any]:
        """Logs of a range of blocks; asks for halves where a node refuses that many."""
        try:
            yield from self.web3.eth.get_logs(
                {
                    "address": address,  # type: ignore[typeddict-item]
                    "topics": [[hex32(topic) for topic in topics]],  # type: ignore[list-item]
                    "fromBlock": first,
                    "toBlock": last,
                }
            )
        except (Web3Exception, ValueError, OSError):
            if first == last:
                raise
            middle = (first + last) // 2
            yield from self._logs(address, topics, first, middle)
            yield from self._logs(address, topics, middle + 1, last)


def _named(item: Mapping[str, Any], value: Any) -> Any:
    """A decoded value with struct fields by name and hashes as hex."""
    if item["type"] == "tuple":
        parts = value.values() if isinstance(value, Mapping) else value
        return {c["name"]: _named(c, v) for c, v in zip(item["components"], parts, strict=True)}
    return hex32(value) if isinstance(value, bytes) else value


def _text(what: str, value: Any) -> str:
    return "no answer" if value is None else human(what, value)
