"""What tools are answered from: the very schema that other clients ask."""

from collections.abc import Mapping
from typing import Any

from mcp.server.mcpserver import Context as ToolContext
from mcp.server.mcpserver.exceptions import ToolError
from starlette.requests import Request

from oracle.accounts.caller import Caller
from oracle.accounts.rates import TooManyError
from oracle.errors import InputError
from oracle.gateway.errors import told
from oracle.gateway.graphql.context import Context
from oracle.gateway.graphql.cost import charged
from oracle.gateway.graphql.doors import Doors
from oracle.gateway.graphql.errors import shown
from oracle.gateway.graphql.schema import build_schema
from oracle.gateway.graphql.view import require_text
from oracle.gateway.services import Services, where_from


class Asking:
    """Asks in the name of whoever calls a tool."""

    def __init__(self, services: Services) -> None:
        self.services, self._schema, self._doors = services, build_schema(), Doors(services)

    async def caller(self, context: ToolContext[Any, Any]) -> Caller:
        """By the header of the call, as everywhere. Raises ``ToolError``."""
        request = context.request_context.request
        if not isinstance(request, Request):
            raise ToolError("this tool is called over HTTP")
        try:
            return await self.services.caller(request)
        except Exception as error:  # noqa: BLE001, RUF100 - whatever it is, the tool has to say it
            raise refused(error) from None

    async def data(
        self, context: ToolContext[Any, Any], query: str, **variables: Any
    ) -> dict[str, Any]:
        """What a query finds. Raises ``ToolError`` with the messages of its errors."""
        answer = await self.answer(context, query, variables)
        if "errors" in answer:
            raise ToolError("; ".join(error["message"] for error in answer["errors"]))
        found: dict[str, Any] = answer["data"]
        return found

    async def answer(
        self, context: ToolContext[Any, Any], query: str, variables: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The whole answer, errors and all."""
        caller, request = await self.caller(context), context.request_context.request
        assert isinstance(request, Request)
        asks = Context(self.services, caller, self._doors, where_from(request))
        try:
            require_text(query, variables)
            with charged(asks):
                result = await self._schema.execute(
                    query, variable_values=dict(variables), context_value=asks
                )
        except (InputError, TooManyError) as error:
            raise refused(error) from None
        if not result.errors:
            return {"data": result.data}
        return {"data": result.data, "errors": [shown(error) for error in result.errors]}


def refused(error: BaseException) -> ToolError:
    """An error as a tool says it."""
    say = told(error)
    return ToolError(f"{say.message}: {say.fix}" if say.fix else say.message)
