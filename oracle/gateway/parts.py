"""The parts of the server: each gives its routes, and the work it does beside them."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter

from oracle.gateway import following, intaking, owners_words, sign_in, sign_page, staking, transfers
from oracle.gateway.graphql import view
from oracle.gateway.mcp import mount
from oracle.gateway.rest import chain, events, models, proofs, rounds, stakes
from oracle.gateway.services import Services
from oracle.gateway.tasks import Task

ROUTERS: Sequence[Callable[[Services], APIRouter]] = (
    sign_in.router,
    sign_page.router,
    view.router,
    transfers.router,
    owners_words.router,
    rounds.router,
    models.router,
    stakes.router,
    proofs.router,
    chain.router,
    events.router,
    mount.router,
)
TASKS: Sequence[Callable[[Services], Sequence[Task]]] = (
    following.tasks,
    intaking.tasks,
    staking.tasks,
    events.tasks,
)


def routers(services: Services) -> list[APIRouter]:
    return [part(services) for part in ROUTERS]


def tasks(services: Services) -> list[Task]:
    return [task for part in TASKS for task in part(services)]
