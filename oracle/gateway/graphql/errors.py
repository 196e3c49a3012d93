"""Errors as clients of GraphQL read them: a list of messages, the answer itself being fine."""

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError

from oracle.accounts.caller import ScopeError
from oracle.errors import InputError
from oracle.gateway.errors import told


def shown(error: GraphQLError) -> dict[str, Any]:
    """What a client gets of an error in the answer to a query."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return dict(error.formatted)  # the query itself is wrong
    if isinstance(cause, RecursionError):
        cause = InputError("the query is nested too deep")
    found = of(cause)
    if error.path is not None:
        found["path"] = list(error.path)
    return found


def of(cause: BaseException) -> dict[str, Any]:
    """An exception, told."""
    say = told(cause)
    # Clients show nothing but the message, so what to do about it is part of it.
    is_whole = say.fix in say.message or isinstance(cause, ScopeError)
    text = say.message if is_whole else f"{say.message}: {say.fix}"
    return {"message": text, "extensions": {"code": say.code, "fix": say.fix}}


def answer(errors: Sequence[dict[str, Any]], data: Any = None) -> dict[str, Any]:
    return {"data": data, "errors": list(errors)}
