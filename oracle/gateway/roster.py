"""A tournament's operators: what the chain says of each, and whether they answered this server."""

import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from eth_utils import function_abi_to_4byte_selector
from hexbytes import HexBytes
from pydantic import TypeAdapter, ValidationError

from oracle.chain.reader import PoolReader
from oracle.errors import AssayError
from oracle.gateway.services import Services, Tournament
from oracle.gateway.tasks import Task
from oracle.operator.bounded import PLAIN, BoundsError, Pace, bounded_body
from oracle.operator.cards import MAX_CARD, is_genuine
from oracle.settlement.wire import CardMessage

_EVERY_SECONDS = 20.0
_LOOK_SECONDS = 5.0
_COMMITS = 200
"""Commits that participation is counted over."""
_CARD = TypeAdapter(CardMessage)


@dataclass(frozen=True, slots=True)
class Operator:
    """One that is or was registered. ``last_epoch``: None while it is a member. ``revoked``: when,
    and ``is_convicted``: because it signed two results. Times by the chain."""

    address: str
    index: int
    first_epoch: int
    last_epoch: int | None = None
    revoked: int | None = None
    is_convicted: bool = False
    suspended_until: int | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A commit, or the answer to a challenge that replaced it: whose signatures the chain counted
    (bit i for the i-th operator)."""

    round: int
    epoch: int
    mask: int
    is_answer: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """The newest rotation: of ``epoch`` on, ``threshold`` must sign a commit, ``super_quorum`` an
    answer; 0: nobody can answer."""

    epoch: int
    threshold: int
    super_quorum: int


@dataclass
class Looks:
    """How often an address was asked for its card since ``began`` (wall clock), and answered with
    one of an operator's: ``answers`` whether the last time, ``last`` when it last did."""

    url: str
    began: float
    asked: int = 0
    answered: int = 0
    answers: bool = False
    last: float | None = None
    operator: str | None = None


@dataclass
class Roster:
    """``look`` is called by one thread; what it leaves is replaced as a whole."""

    served: Tournament
    operators: tuple[Operator, ...] = ()
    rules: Rules | None = None
    signed: Mapping[int, Signed] = field(default_factory=dict)
    looks: Mapping[str, Looks] = field(default_factory=dict)
    _until: int = -1
    _convicted: dict[str, bool] = field(default_factory=dict)

    def look(self) -> None:
        """Takes in what the chain says now, and asks each known address once."""
        reader = self.served.ledger.reader
        try:
            until = reader.finalized().number
            if until != self._until:
                self._read(reader, until)
                self._until = until
        finally:
            self._ask()

    def members(self, epoch: int) -> list[Operator]:
        """Those that are members of an epoch, whatever became of them."""
        return [
            one
            for one in self.operators
            if one.first_epoch <= epoch and (one.last_epoch is None or epoch <= one.last_epoch)
        ]

    def counted(self, one: Operator) -> tuple[int, int]:
        """Of the newest commits of epochs that it is a member of: how many there are, and how many
        have its signature."""
        newest = sorted(self.signed.values(), key=lambda s: s.round)[-_COMMITS:]
        last = one.last_epoch
        could = [
            signed
            for signed in newest
            if one.first_epoch <= signed.epoch and (last is None or signed.epoch <= last)
        ]
        return len(could), sum(bool(signed.mask >> one.index & 1) for signed in could)

    # ------------------------------------------------------------------ the chain

    def _read(self, reader: PoolReader, until: int) -> None:
        def logs(event: Any) -> Iterable[Any]:
            return reader.logs.logs(event, {}, 0, until)

        events = reader.oracle.events
        found: dict[str, Operator] = {}
        for log in logs(events.SignerAdded):
            said = log["args"]
            found[said["signer"]] = Operator(said["signer"], said["index"], said["first_epoch"])
        for log in logs(events.SignerRetired):
            who = log["args"]["signer"]
            found[who] = replace(found[who], last_epoch=log["args"]["last_epoch"])
        for log in logs(events.SignerSuspended):
            who = log["args"]["signer"]
            found[who] = replace(found[who], suspended_until=log["args"]["until"])
        for log in logs(events.SignerRevoked):
            who = log["args"]["signer"]
            found[who] = replace(
                found[who],
                revoked=reader.web3.eth.get_block(log["blockNumber"])["timestamp"],
                is_convicted=self._is_convicted(reader, log["transactionHash"]),
            )
        for log in logs(events.Rotated):
            self.rules = Rules(**{name: log["args"][name] for name in Rules.__slots__})
        self.operators = tuple(sorted(found.values(), key=lambda one: one.index))
        epochs = {log["args"]["round"]: log["args"]["epoch"] for log in logs(events.Announced)}
        signed: dict[int, Signed] = {}
        for event in (events.Committed, events.Confirmed):
            for log in logs(event):
                number, mask = log["args"]["round"], log["args"]["signers"]
                is_answer = event is events.Confirmed
                signed[number] = Signed(number, epochs.get(number, 0), mask, is_answer)
        self.signed = signed

    def _is_convicted(self, reader: PoolReader, transaction: bytes) -> bool:
        """Whether it was revoked by the proof of two signatures, not by the governor."""
        key = bytes(transaction).hex()
        if key not in self._convicted:
            call = reader.oracle.get_function_by_name("report_equivocation")
            data = bytes(reader.web3.eth.get_transaction(HexBytes(transaction))["input"])
            self._convicted[key] = data[:4] == function_abi_to_4byte_selector(call.abi)
        return self._convicted[key]

    # ------------------------------------------------------------------ their addresses

    def _ask(self) -> None:
        kept = dict(self.looks)
        for url in self.served.settings.operators:
            before = kept.get(url) or Looks(url, time.time())
            card = self._card(url)
            is_answer = card is not None
            kept[url] = replace(
                before,
                asked=before.asked + 1,
                answered=before.answered + is_answer,
                answers=is_answer,
                last=time.time() if is_answer else before.last,
                operator=card.operator if card is not None else before.operator,
            )
        self.looks = kept

    def _card(self, url: str) -> CardMessage | None:
        """The operator's card, None for whatever else is answered."""
        pace = Pace(seconds=_LOOK_SECONDS)
        try:
            with (
                httpx.Client(timeout=_LOOK_SECONDS, follow_redirects=False) as client,
                client.stream("GET", f"{url}/card", headers=PLAIN) as answer,
            ):
                if answer.status_code != httpx.codes.OK:
                    return None
                raw = bounded_body(answer, MAX_CARD, pace)
            card = _CARD.validate_json(raw)
        except (httpx.HTTPError, httpx.InvalidURL, BoundsError, ValidationError):
            return None
        known = [one.address for one in self.operators]
        with contextlib.suppress(AssayError, ValueError):
            if is_genuine(card, self.served.domain, known):
                return card
        return None


def rosters_of(services: Services) -> dict[int, Roster]:
    """By tournament."""
    return {number: Roster(one) for number, one in services.tournaments.items()}


def tasks(services: Services) -> list[Task]:
    """Looking at the operators of each tournament."""
    return [
        Task(f"look at operators of {number}", _EVERY_SECONDS, roster.look)
        for number, roster in services.part(rosters_of).items()
    ]
