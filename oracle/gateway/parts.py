"""The parts of the server: each gives its routes, and the work it does beside them."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter

from oracle.gateway import (
    calling,
    examining,
    following,
    intaking,
    owners_words,
    publishing,
    roster,
    sign_in,
    sign_page,
    staking,
    standing,
    transfers,
    web,
)
from oracle.gateway.graphql import view
from oracle.gateway.mcp import mount
from oracle.gateway.rest import (
    boards,
    chain,
    diagnostics,
    events,
    gates,
    models,
    networks,
    operators,
    overview,
    proofs,
    rounds,
    stakes,
    uploads,
    webhooks,
)
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
    boards.router,
    gates.router,
    uploads.router,
    diagnostics.router,
    stakes.router,
    webhooks.router,
    proofs.router,
    chain.router,
    networks.router,
    operators.router,
    overview.router,
    events.router,
    mount.router,
    web.router,
)
TASKS: Sequence[Callable[[Services], Sequence[Task]]] = (
    following.tasks,
    intaking.tasks,
    examining.tasks,
    staking.tasks,
    standing.tasks,
    calling.tasks,
    publishing.tasks,
    events.tasks,
    roster.tasks,
)


def routers(services: Services) -> list[APIRouter]:
    return [part(services) for part in ROUTERS]


def tasks(services: Services) -> list[Task]:
    return [task for part in TASKS for task in part(services)]
