"""What the routes have in common: parameters with their bounds, pages, and the form of errors."""

from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Path, Query, Request
from pydantic import BaseModel

from oracle.accounts.caller import Caller, Scope
from oracle.errors import InputError
from oracle.gateway.forms import units_of
from oracle.gateway.services import Services
from oracle.records.rows import ModelRow, RoundRow
from oracle.settlement.units import MAX_AMOUNT

_T = TypeVar("_T")
MOST = 500

TournamentNumber = Annotated[int, Path(ge=0, lt=2**31, description="8, 11 or 12")]
RoundNumber = Annotated[int, Path(ge=0, lt=2**31)]
ModelId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="a UUID")
]
Cursor = Annotated[
    int | None, Query(ge=0, lt=2**53, description="`next` of the page before this one")
]
Limit = Annotated[int, Query(ge=1, le=MOST)]


class ErrorText(BaseModel):
    code: str
    message: str
    fix: str


class ErrorShown(BaseModel):
    """``message`` says what is wrong, ``fix`` what to do about it."""

    error: ErrorText


ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorShown, "description": "Not signed in"},
    403: {"model": ErrorShown, "description": "The token lacks a scope"},
    409: {"model": ErrorShown, "description": "Refused"},
    422: {"model": ErrorShown, "description": "Bad input"},
    429: {"model": ErrorShown, "description": "Too often"},
    503: {"model": ErrorShown, "description": "Something that is needed does not answer"},
}


class Page(BaseModel, Generic[_T]):
    """``next``: the cursor of the following page; null on the last."""

    items: list[_T]
    next: int | None


def cut(rows: Sequence[_T], limit: int, cursor: Any) -> tuple[Sequence[_T], int | None]:
    """Of rows, one more than ``limit`` where there are so many: a page, and the ``cursor`` of its
    last row where others follow."""
    page = rows[:limit]
    return page, cursor(page[-1]) if len(rows) > limit else None


async def asked(services: Services, request: Request) -> Caller:
    """Who asks, counted."""
    return await services.caller(request)


async def model_of(services: Services, uuid: str) -> ModelRow:
    """Raises ``InputError`` where there is none, ``UnreachableError`` while that is not known."""
    found = await services.call(services.models.by_uuid, [uuid])
    if not found or found[0].tournament not in services.tournaments:
        services.require_whole()
        raise InputError("there is no model with this id")
    services.tournament(found[0].tournament).require_whole()
    return found[0]


async def own_model(services: Services, caller: Caller, uuid: str, scope: Scope) -> ModelRow:
    """A model of the caller's. Raises ``InputError`` for another one."""
    caller.require(scope)
    model = await model_of(services, uuid)
    if not caller.owns(model.owner):
        raise InputError("this model is not yours")
    return model


async def round_of(services: Services, tournament: int, number: int) -> RoundRow:
    """Raises ``InputError`` where there is none."""
    served = services.tournament(tournament).number
    services.tournament(tournament).require_whole()
    found = await services.call(services.rounds.get, served, number)
    if found is None:
        raise InputError(f"tournament {tournament} has no round {number}")
    return found


def nmr_units(text: str) -> int:
    """U of an amount of NMR. Raises ``InputError`` for what is none."""
    units = units_of(text)
    if units is None or units > MAX_AMOUNT:
        raise InputError(f"{text[:40]!r} is no amount of NMR", "at most 9 decimals, as in 2.5")
    return units


def hexed(value: bytes | None) -> str | None:
    return None if value is None else "0x" + value.hex()
