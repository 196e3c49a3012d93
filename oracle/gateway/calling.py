"""Calls to models when a round opens, for the tournaments that are served."""

from functools import partial

from oracle.gateway.services import Services
from oracle.gateway.tasks import Task
from oracle.life.webhooks import Webhooks

_SECONDS = 2.0


def webhooks_of(services: Services) -> Webhooks:
    settings = services.config.webhooks
    return Webhooks(
        services.database,
        partial(_now, services),
        settings.attempts,
        settings.allow_private,
        count=partial(services.accounts.rates.count, "webhook"),
    )


def _now(services: Services, number: int) -> int:
    """0 while it is not known which rounds are open."""
    one = services.tournament(number)
    return one.now() if one.ledger.is_whole else 0


def tasks(services: Services) -> list[Task]:
    """Noting whom to call, and calling."""
    webhooks = services.part(webhooks_of)

    def run() -> None:
        for number, one in services.tournaments.items():
            if one.ledger.is_whole:
                webhooks.open(number)
        webhooks.call_due()

    return [Task("call webhooks", _SECONDS, run)]
