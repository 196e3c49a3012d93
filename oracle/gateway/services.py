"""What every part of the server works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from ipaddress import IPv6Address, ip_address, ip_network
from threading import RLock
from typing import Any, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request

from oracle.accounts.accounts import Accounts
from oracle.accounts.caller import Caller
from oracle.errors import InputError, UnreachableError
from oracle.gateway.config import ServerConfig, TournamentSettings
from oracle.gateway.health import Health
from oracle.ledger.ledger import Ledger
from oracle.records.models import Models
from oracle.records.results import Results
from oracle.records.rounds import Rounds
from oracle.records.stakes import Stakes
from oracle.settlement.typed_data import Domain
from oracle.store.database import Database
from oracle.tournaments import by_number
from oracle.tournaments.rules import SubmissionRules

_P = ParamSpec("_P")
_T = TypeVar("_T")
_CALLER = "assay.caller"
_NETWORK = 64
"""Bits of an IPv6 address that name a customer; the rest is as he likes."""


class Outside(StrEnum):
    """What work waits for: operators that take files, a chain that takes transactions, chains and
    operators that are asked, webhooks that are called, files that are written."""

    SENDING = "sending"
    RELAYING = "relaying"
    ASKING = "asking"
    CALLING = "calling"
    STORING = "storing"


@dataclass(frozen=True, slots=True)
class Tournament:
    """One tournament that is served."""

    settings: TournamentSettings
    ledger: Ledger

    @property
    def number(self) -> int:
        return self.settings.number

    @property
    def rules(self) -> SubmissionRules:
        return by_number(self.number)

    @property
    def domain(self) -> Domain:
        """Of the structs that owners and operators sign."""
        where = self.ledger.reader.addresses
        return Domain(where.chain_id, where.pool)

    def now(self) -> int:
        """The chain's time: of the newest block that was seen. Raises as ``require_whole``."""
        self.require_whole()
        return self.ledger.now

    def require_whole(self) -> None:
        """Raises ``UnreachableError`` while the tables do not show what is: before the chain was
        looked at, and while they are filled anew."""
        if not self.ledger.is_whole:
            raise UnreachableError(
                f"what happened on the chain of tournament {self.number} is being read",
                "ask again in some minutes",
            )


@dataclass(frozen=True)
class Services:
    """Everything a request may need. The queries block: call them by ``call``."""

    config: ServerConfig
    database: Database
    accounts: Accounts
    tournaments: Mapping[int, Tournament]
    health: Health
    rounds: Rounds
    models: Models
    stakes: Stakes
    results: Results
    _threads: CapacityLimiter = field(init=False)
    _waiting: Mapping[Outside, CapacityLimiter] = field(init=False)
    _parts: dict[object, Any] = field(init=False, repr=False, default_factory=dict)
    _making: RLock = field(init=False, repr=False, default_factory=RLock)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_threads", CapacityLimiter(self.config.workers))
        waiting = {kind: CapacityLimiter(self.config.waiting) for kind in Outside}
        object.__setattr__(self, "_waiting", waiting)

    def tournament(self, number: int) -> Tournament:
        """Raises ``InputError`` for one that is not served here."""
        if number not in self.tournaments:
            known = ", ".join(map(str, self.tournaments))
            raise InputError(f"there is no tournament {number} here", f"one of {known}")
        return self.tournaments[number]

    def require_whole(self) -> None:
        """Raises ``UnreachableError`` while any tournament's tables do not show what is."""
        for one in self.tournaments.values():
            one.require_whole()

    def part(self, make: Callable[["Services"], _T]) -> _T:
        """What ``make`` builds on these services: once, for all that ask for it."""
        with self._making:
            if make not in self._parts:
                self._parts[make] = make(self)
            made: _T = self._parts[make]
            return made

    async def call(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """``work`` in a thread, of which there are no more than ``workers``."""
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._threads)

    async def outside(
        self, kind: Outside, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """The same for work that waits for others: in threads of its kind's own, of which there
        are no more than ``waiting``, so that whoever is slow holds up nothing else."""
        limiter = self._waiting[kind]
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=limiter)

    async def caller(self, request: Request) -> Caller:
        """Who makes the request, counted once, by his address and by his account.

        Raises ``SignInError`` for credentials that do not hold, ``TooManyError``.
        """
        if _CALLER not in request.scope:
            request.scope[_CALLER] = await self._counted(request)
        caller: Caller = request.scope[_CALLER]
        return caller

    async def _counted(self, request: Request) -> Caller:
        where = where_from(request)
        self.accounts.rates.count("address", where)
        header = request.headers.get("authorization")
        caller = await self.call(self.accounts.authenticate, header, where)
        if caller.account is None:
            self.accounts.rates.count("anonymous", where)
        else:
            self.accounts.rates.count("signed_in", caller.account.id)
        return caller


def where_from(request: Request) -> str:
    """The address a request came from, of IPv6 its network; behind a proxy what that says, if it is
    one of ours."""
    return place(request.client.host) if request.client else "unknown"


def place(host: str) -> str:
    """What counts as one address: whoever has an IPv6 address has 2^64."""
    try:
        found = ip_address(host)
    except ValueError:
        return host
    if not isinstance(found, IPv6Address):
        return host
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((int(found), _NETWORK), strict=False))


def open_services(
    config: ServerConfig,
    database: Database,
    accounts: Accounts,
    ledgers: Mapping[int, Ledger],
    health: Health,
) -> Services:
    """``ledgers`` by number of the tournament."""
    return Services(
        config=config,
        database=database,
        accounts=accounts,
        tournaments={
            one.number: Tournament(one, ledgers[one.number]) for one in config.tournaments
        },
        health=health,
        rounds=Rounds(database),
        models=Models(database),
        stakes=Stakes(database),
        results=Results(database),
    )
