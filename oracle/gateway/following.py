"""Following the chains: one task a tournament."""

from functools import partial

from oracle.gateway.services import Services, Tournament
from oracle.gateway.tasks import Task


def tasks(services: Services) -> list[Task]:
    """Their tables are what everything is answered from."""
    return [
        Task(
            f"follow {number}", services.config.cycle, partial(_follow, services, one), needed=True
        )
        for number, one in services.tournaments.items()
    ]


def _follow(services: Services, tournament: Tournament) -> None:
    progress = tournament.ledger.update()
    services.health.block(tournament.number, progress.block.number)
