"""What a resolver has at hand: who asks, what he may, and the doors into the other rooms."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import ParamSpec, TypeVar

import strawberry

from oracle.accounts.caller import Account, Caller, Scope
from oracle.errors import InputError
from oracle.gateway.graphql.cost import Spent
from oracle.gateway.graphql.doors import Doors
from oracle.gateway.graphql.loaders import Loaders
from oracle.gateway.services import Outside, Services
from oracle.records.rows import ModelRow

_P = ParamSpec("_P")
_T = TypeVar("_T")

CLASSIC, SIGNALS, CRYPTO = 8, 11, 12


@dataclass
class Context:
    """One per request; ``where`` is the address it came from."""

    services: Services
    caller: Caller
    doors: Doors
    where: str = "unknown"
    spent: Spent = field(default_factory=Spent)

    @property
    def who(self) -> str:
        """Against whom the answer counts."""
        return self.where if self.caller.account is None else self.caller.account.id

    @cached_property
    def loaders(self) -> Loaders:
        return Loaders(self)

    async def call(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What ``work`` returns, from a thread."""
        return await self.services.call(work, *args, **kwargs)

    async def outside(
        self, kind: Outside, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """The same for work that waits for others."""
        return await self.services.outside(kind, work, *args, **kwargs)

    def now(self, tournament: int) -> int:
        """The time of the tournament's chain."""
        return self.services.tournament(tournament).now()

    def tournament(self, number: int | None, usual: int = CLASSIC) -> int:
        """A tournament that is served here. Raises ``InputError`` for another one."""
        wanted = usual if number is None else number
        return self.services.tournament(wanted).number

    def require(self, scope: Scope) -> Account:
        return self.caller.require(scope)

    async def model(self, uuid: str) -> ModelRow:
        """The model with this id. Raises ``InputError`` where there is none,
        ``UnreachableError`` while that is not known."""
        found = await self.call(self.services.models.by_uuid, [uuid])
        if not found or found[0].tournament not in self.services.tournaments:
            self.services.require_whole()
            raise InputError("there is no model with this id", "account.models names yours")
        self.services.tournament(found[0].tournament).require_whole()
        return found[0]

    async def named(self, name: str, tournament: int) -> ModelRow:
        found = await self.call(self.services.models.by_name, tournament, [name])
        if not found:
            self.services.tournament(tournament).require_whole()
            raise InputError(f"tournament {tournament} has no model {name[:64]!r}")
        return found[0]

    async def own_model(
        self, scope: Scope, uuid: str | None, tournament: int | None = None
    ) -> ModelRow:
        """The caller's model with this id; of None, the only one he has.

        Raises ``ScopeError`` without ``scope``, ``InputError`` for a model of somebody else, of
        another ``tournament``, or where it is not clear which is meant.
        """
        account = self.require(scope)
        if not uuid:
            models = await self.call(self.services.models.of_owner, [account.address], tournament)
            if len(models) != 1:
                self.services.require_whole()
                raise InputError(
                    f"this account has {len(models)} models here", "say which by modelId"
                )
            return models[0]
        model = await self.model(uuid)
        if not self.caller.owns(model.owner):
            raise InputError("this model is not yours", "account.models names yours")
        if tournament is not None and model.tournament != tournament:
            raise InputError(f"this model is in tournament {model.tournament}, not {tournament}")
        return model


Info = strawberry.Info[Context, None]
