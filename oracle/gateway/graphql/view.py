"""POST / with a query. Whatever is wrong, the answer has status 200 and says so in ``errors``:
clients take another status for a broken server."""

import json
import re
from typing import Any

import anyio
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from oracle.accounts.rates import TooManyError
from oracle.errors import InputError
from oracle.gateway.graphql.context import Context
from oracle.gateway.graphql.cost import charged
from oracle.gateway.graphql.doors import Doors
from oracle.gateway.graphql.errors import answer, of, shown
from oracle.gateway.graphql.limits import MAX_BODY
from oracle.gateway.graphql.schema import Schema, build_schema
from oracle.gateway.services import Services, where_from

_SECONDS = 30
"""For a body to arrive."""
_ZERO = re.compile(r"\x00|\\u0000|\\u\{0+\}")
"""U+0000 in a query, as it is or escaped."""
_LEVELS = 20
_FORM = 'send {"query": "...", "variables": {...}} as application/json'


def router(services: Services) -> APIRouter:
    schema, doors, routes = build_schema(), Doors(services), APIRouter()

    @routes.post("/", include_in_schema=False)
    async def graphql(request: Request) -> Response:
        return _json(await _answer(schema, services, doors, request))

    return routes


async def _answer(
    schema: Schema, services: Services, doors: Doors, request: Request
) -> dict[str, Any]:
    try:
        query, variables, name = _parsed(await _body(request))
        caller = await services.caller(request)
    except ClientDisconnect:
        raise
    except Exception as error:  # noqa: BLE001, RUF100 - a client reads no other status
        return answer([of(error)])
    context = Context(services, caller, doors, where_from(request))
    try:
        with charged(context):
            result = await schema.execute(
                query, variable_values=variables, context_value=context, operation_name=name
            )
    except TooManyError as error:
        return answer([of(error)])
    except (CannotGetOperationTypeError, InvalidOperationTypeError, MissingQueryError):
        return answer([of(InputError(f"the query has no operation {name or ''}".rstrip(), _FORM))])
    if not result.errors:
        return {"data": result.data}
    return answer([shown(error) for error in result.errors], result.data)


async def _body(request: Request) -> bytes:
    """The body. Raises ``InputError`` for one that is too large, too slow or of another type."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise InputError("this is no JSON by its type", _FORM)
    body = bytearray()
    try:
        with anyio.fail_after(_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_BODY:
                    raise InputError(f"the request has more than {MAX_BODY} bytes")
    except TimeoutError:
        raise InputError(f"the request did not arrive within {_SECONDS} s") from None
    return bytes(body)


def _parsed(body: bytes) -> tuple[str, dict[str, Any], str | None]:
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("this is no JSON", _FORM) from None
    if not isinstance(sent, dict) or not isinstance(sent.get("query"), str):
        raise InputError("there is no query", _FORM)
    variables, name = sent.get("variables") or {}, sent.get("operationName")
    if not isinstance(variables, dict) or not isinstance(name, str | None):
        raise InputError("variables are an object, and operationName is a text", _FORM)
    require_text(sent["query"], variables)
    return sent["query"], variables, name


def require_text(query: str, variables: Any) -> None:
    """Raises ``InputError`` for texts with what databases refuse."""
    if _ZERO.search(query) or not _is_text([query, variables]):
        raise InputError("the request has characters that are none", "leave out U+0000")


def _is_text(value: Any, levels: int = _LEVELS) -> bool:
    """Whether no text inside has what databases refuse: U+0000, or half of a character. Raises
    ``InputError`` for a value with too many levels."""
    if levels == 0:
        raise InputError(f"variables have more than {_LEVELS} levels")
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, dict):
        value = [*value, *value.values()]
    return not isinstance(value, list) or all(_is_text(inner, levels - 1) for inner in value)


def _json(content: dict[str, Any]) -> Response:
    text = json.dumps(content, separators=(",", ":"))
    return Response(text.encode(), media_type="application/json")
