"""Following the chains: one task a tournament."""

from functools import partial

from oracle.gateway.services import Services, Tournament
from oracle.gateway.tasks import Task


def tasks(services: Services) -> list[Task]:
    """Their tables are what everything is answered from."""
    for one in services.tournaments.values():
        services.health.want(partial(_lack, one))
    return [
        Task(task_name(number), services.config.cycle, partial(_follow, services, one), needed=True)
        for number, one in services.tournaments.items()
    ]


def task_name(tournament: int) -> str:
    """By which its health is asked for."""
    return f"follow {tournament}"


def _follow(services: Services, tournament: Tournament) -> None:
    progress = tournament.ledger.update()
    services.health.block(tournament.number, progress.block.number)


def _lack(tournament: Tournament) -> str:
    is_whole = tournament.ledger.is_whole
    return "" if is_whole else f"the tables of tournament {tournament.number} are being filled"
