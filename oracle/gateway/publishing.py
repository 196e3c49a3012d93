"""What the server publishes by itself, for the tournaments that are served."""

from functools import partial

from oracle.gateway.intaking import datasets_of
from oracle.gateway.services import Services, Tournament
from oracle.gateway.tasks import Task
from oracle.life.meta_history import NAME, MetaHistory

_SECONDS = 10.0


def tasks(services: Services) -> list[Task]:
    """The meta models of rounds that are over."""
    return [
        Task(f"publish meta models {number}", _SECONDS, _history(services, one).publish)
        for number, one in services.tournaments.items()
    ]


def _history(services: Services, one: Tournament) -> MetaHistory:
    datasets = services.part(datasets_of)
    return MetaHistory(
        services.database,
        one.number,
        one.ledger.folders.bring,
        partial(datasets.rounds_with, one.number, NAME),
        lambda number, raw: datasets.add(one.number, number, NAME, raw),
    )
