"""What resolvers of many rows ask for one by one, asked for together: a page costs as many queries
as it has kinds of rows, not as many as it has rows."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from strawberry.dataloader import DataLoader

from oracle.intake.rows import Submission
from oracle.records.rows import ModelRow, Position, Request

if TYPE_CHECKING:
    from oracle.gateway.graphql.context import Context

_T = TypeVar("_T")

STAKE_EVENTS = frozenset({"deposited", "releaserequested", "exited"})


@dataclass(frozen=True, slots=True)
class StakeChanged:
    """The last transaction about a model's stake."""

    status: str
    transaction: str | None


class Loaders:
    """Of one request."""

    def __init__(self, context: "Context") -> None:
        self._context = context
        self.submissions: DataLoader[ModelRow, list[Submission]] = self._by_model(self._submissions)
        self.selected: DataLoader[ModelRow, dict[int, str]] = self._by_model(self._selected)
        self.positions: DataLoader[ModelRow, Position | None] = self._by_model(self._positions)
        self.waiting: DataLoader[ModelRow, list[Request]] = self._by_model(self._waiting)
        self.last_stake_change: DataLoader[ModelRow, StakeChanged | None] = self._by_model(
            self._last_stake_change
        )

    def _by_model(
        self, ask: Callable[[int, list[int]], dict[int, _T]]
    ) -> DataLoader[ModelRow, Any]:
        """A loader of models over a function of one tournament and its models."""

        def work(keys: Sequence[ModelRow]) -> list[Any]:
            wanted: dict[int, list[int]] = defaultdict(list)
            for key in keys:
                wanted[key.tournament].append(key.model)
            found = {number: ask(number, models) for number, models in wanted.items()}
            return [found[key.tournament][key.model] for key in keys]

        async def load(keys: list[ModelRow]) -> list[Any]:
            return await self._context.call(work, keys)

        return DataLoader(load_fn=load, cache_key_fn=lambda row: (row.tournament, row.model))

    def _submissions(self, tournament: int, models: list[int]) -> dict[int, list[Submission]]:
        found: dict[int, list[Submission]] = {model: [] for model in models}
        for row in self._context.doors.submissions(tournament, models):
            found[row.model].append(row)
        return found

    def _selected(self, tournament: int, models: list[int]) -> dict[int, dict[int, str]]:
        found = self._submissions(tournament, models)
        return {
            model: {row.round: row.id for row in rows if row.selected}
            for model, rows in found.items()
        }

    def _positions(self, tournament: int, models: list[int]) -> dict[int, Position | None]:
        found = self._context.services.stakes.positions(tournament, models)
        return {model: found.get(model) for model in models}

    def _waiting(self, tournament: int, models: list[int]) -> dict[int, list[Request]]:
        found: dict[int, list[Request]] = {model: [] for model in models}
        for row in self._context.services.stakes.waiting(tournament, models):
            found[row.model].append(row)
        return found

    def _last_stake_change(
        self, tournament: int, models: list[int]
    ) -> dict[int, StakeChanged | None]:
        found: dict[int, StakeChanged | None] = dict.fromkeys(models)
        for row in self._context.services.stakes.movements(tournament, models=models):
            if row.kind in STAKE_EVENTS and found[row.model] is None:
                found[row.model] = StakeChanged("confirmed", "0x" + row.transaction.hex())
        return found
