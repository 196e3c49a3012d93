"""What examines uploaded predictions for the tournaments that are served."""

from oracle.examining.examiner import Examiner
from oracle.examining.process import Bounds
from oracle.examining.working import Queue
from oracle.gateway.intaking import uploads_of
from oracle.gateway.services import Services
from oracle.gateway.tasks import Task

_SECONDS = 0.5


def examiner_of(services: Services) -> Examiner:
    return Examiner(
        services.database,
        services.part(uploads_of),
        {number: one.settings.datasets for number, one in services.tournaments.items()},
    )


def queue_of(services: Services) -> Queue:
    config = services.config
    bounds = Bounds(config.examining.memory, config.examining.seconds, config.examining.features)
    return Queue(services.part(examiner_of), bounds, config.home / "examining")


def tasks(services: Services) -> list[Task]:
    return [Task("examine uploads", _SECONDS, services.part(queue_of).step)]
