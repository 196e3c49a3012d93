"""The tools. What they take and give is what GraphQL and ``/v1`` take and give."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from oracle import __version__
from oracle.accounts.caller import Scope
from oracle.errors import InputError
from oracle.gateway.graphql.limits import MAX_BODY
from oracle.gateway.mcp.asking import Asking, refused
from oracle.gateway.rest.models import new_model, payouts_of
from oracle.gateway.rest.rounds import shown_result, shown_round, shown_score
from oracle.gateway.services import Outside, Services

_T = TypeVar("_T")
_Tournament = Annotated[int, Field(ge=0, lt=2**31, description="8 classic, 11 signals, 12 crypto")]
_Model = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="the model's UUID"),
]
_File = Annotated[str, Field(max_length=200, description="the file's name")]
_ABOUT = (
    "A tournament for predictions: data scientists stake NMR on models, which are scored. "
    "Nothing here moves money by itself: stakes change by transactions that the owner signs, or "
    "by a mandate that he signed before."
)
_LEADERS: Mapping[int, str] = MappingProxyType(
    {
        8: "v2Leaderboard(limit: $limit, offset: $offset) {"
        " rank username nmrStaked corr20Rep mmcRep tcRep fncRep return_1_day return_13_weeks"
        " return_52_weeks }",
        11: "signalsLeaderboard(limit: $limit, offset: $offset) {"
        " rank prevRank username nmrStaked alphaRep alphaRank mpcRep mpcRank sharpe today }",
        12: "cryptosignalsLeaderboard(limit: $limit, offset: $offset) {"
        " rank username nmrStaked corrRep mmcRep return_1_day return_13_weeks return_52_weeks }",
    }
)
_PROFILE = """query($name: String!, $tournament: Int!) {
  v3UserProfile(modelName: $name, tournament: $tournament) {
    id username startDate bio nmrStaked stakeValue } }"""
_DATASETS = """query($tournament: Int!, $round: Int) {
  listDatasets(tournament: $tournament, round: $round) }"""
_PICKLE_AUTH = """query($filename: String!, $model: String!) {
  computePickleUploadAuth(filename: $filename, modelId: $model) { filename url } }"""
_PICKLE = """mutation($filename: String!, $model: String!) {
  createComputePickleUpload(filename: $filename, modelId: $model) { id status reason } }"""
_EXAMINE_AUTH = """query($filename: String!, $model: String!) {
  diagnosticsUploadAuth(filename: $filename, modelId: $model) { filename url } }"""
_EXAMINE = """mutation($filename: String!, $model: String!) {
  createDiagnostics(filename: $filename, modelId: $model) { id } }"""
_EXAMINED = """query($model: String!, $id: String) { diagnostics(modelId: $model, id: $id) {
  id status message updatedAt validationCorrMean validationCorrSharpe validationMmcMean } }"""


def build_tools(services: Services) -> MCPServer:
    """A server with all tools, on these services."""
    server = MCPServer(
        "assay", title="Assay", instructions=_ABOUT, version=__version__, log_level="WARNING"
    )
    asking = Asking(services)
    _about_tournaments(server, asking)
    _about_models(server, asking)
    _with_files(server, asking)
    return server


async def _done(services: Services, work: Callable[..., _T], *args: Any) -> _T:
    """What ``work`` returns, from a thread. Raises ``ToolError``."""
    try:
        return await services.outside(Outside.ASKING, work, *args)
    except Exception as error:  # noqa: BLE001, RUF100 - whatever it is, the tool has to say it
        raise refused(error) from None


def _about_tournaments(server: MCPServer, asking: Asking) -> None:
    services = asking.services

    @server.tool()
    async def check_api_credentials(ctx: Context) -> dict[str, Any]:
        """Whose credentials these are, and what they allow. Without any: nobody's."""
        caller = await asking.caller(ctx)
        account = caller.account
        return {
            "signed_in": account is not None,
            "username": account.name if account else None,
            "address": account.address if account else None,
            "token": caller.token,
            "scopes": sorted(caller.scopes),
        }

    @server.tool()
    async def get_tournaments(ctx: Context) -> dict[str, Any]:
        """The tournaments that are served here, by number and name."""
        return await asking.data(ctx, "{ tournaments { name tournament } }")

    @server.tool()
    async def get_current_round(ctx: Context, tournament: _Tournament = 8) -> dict[str, Any]:
        """The round that takes submissions now, or null: its times, what it pays on, its clips."""
        await asking.caller(ctx)
        served = await _done(services, services.tournament, tournament)
        row = await _done(services, services.rounds.current, served.number, served.now())
        return {"round": shown_round(row, served.now()).model_dump(mode="json") if row else None}

    @server.tool()
    async def get_leaderboard(
        ctx: Context,
        tournament: _Tournament = 8,
        limit: Annotated[int, Field(ge=1, le=500)] = 50,
        offset: Annotated[int, Field(ge=0, lt=10_000)] = 0,
    ) -> dict[str, Any]:
        """Models by what is staked and how they did, the best first."""
        if tournament not in _LEADERS:
            raise ToolError(f"there is no tournament {tournament}: one of 8, 11, 12")
        query = f"query($limit: Int, $offset: Int) {{ {_LEADERS[tournament]} }}"
        found = await asking.data(ctx, query, limit=limit, offset=offset)
        return {"leaders": next(iter(found.values()))}

    @server.tool()
    async def list_datasets(
        ctx: Context,
        tournament: _Tournament = 8,
        round: Annotated[int | None, Field(ge=0, lt=2**31)] = None,
    ) -> dict[str, Any]:
        """Names of the data files of a round, by default of the one that is open. The query
        ``dataset(filename, tournament, round)`` gives a file's address."""
        return await asking.data(ctx, _DATASETS, tournament=tournament, round=round)

    @server.tool()
    async def graphql_query(
        ctx: Context,
        query: Annotated[str, Field(max_length=MAX_BODY)],
        variables: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Asks the GraphQL API anything; its schema can be asked for by introspection. The answer
        has ``data``, and ``errors`` where something went wrong."""
        return await asking.answer(ctx, query, variables or {})


def _about_models(server: MCPServer, asking: Asking) -> None:
    services = asking.services

    @server.tool()
    async def create_model(
        ctx: Context,
        name: Annotated[str, Field(max_length=64)],
        tournament: _Tournament = 8,
        payout: Annotated[str | None, Field(max_length=42)] = None,
    ) -> dict[str, Any]:
        """The transactions by which you register a model with this name: sign and send them in
        order from the wallet that you sign in with. Nothing is sent from here."""
        caller = await asking.caller(ctx)
        try:
            account = caller.require(Scope.EDIT_PROFILE)
        except Exception as error:  # noqa: BLE001, RUF100
            raise refused(error) from None
        found = await _done(
            services, new_model, services, account.address, tournament, name, payout
        )
        return found.model_dump(mode="json")

    @server.tool()
    async def get_model_profile(
        ctx: Context, name: Annotated[str, Field(max_length=64)], tournament: _Tournament = 8
    ) -> dict[str, Any]:
        """A model by its name: since when, what its owner says of it, its stake."""
        found = await asking.data(ctx, _PROFILE, name=name, tournament=tournament)
        return {"model": found["v3UserProfile"]}

    @server.tool()
    async def get_model_performance(
        ctx: Context, model_id: _Model, rounds: Annotated[int, Field(ge=1, le=200)] = 20
    ) -> dict[str, Any]:
        """How a model did in its newest rounds: final scores with percentiles, whether it was
        scored and why not, payouts and burns in NMR."""
        await asking.caller(ctx)
        return await _done(services, _performance, services, model_id, rounds)


def _performance(services: Services, model_id: str, rounds: int) -> dict[str, Any]:
    found = services.models.by_uuid([model_id])
    if not found:
        raise InputError("there is no model with this id")
    [model] = found
    results = services.results.list(model.tournament, models=[model.model])
    scores = services.results.scores(model.tournament, models=[model.model])
    newest = frozenset(sorted({row.round for row in results}, reverse=True)[:rounds])
    return {
        "model": model.name,
        "tournament": model.tournament,
        "results": [shown_result(r).model_dump() for r in results if r.round in newest],
        "scores": [shown_score(s).model_dump() for s in scores if s.round in newest],
        "payouts": [
            one.model_dump() for one in payouts_of(services, [model]) if one.round in newest
        ],
    }


def _with_files(server: MCPServer, asking: Asking) -> None:
    @server.tool()
    async def upload_model(
        ctx: Context, model_id: _Model, filename: _File, uploaded: bool = False
    ) -> dict[str, Any]:
        """Uploads a pickled model, in two calls: the first gives an address to PUT the file to and
        the name that it has here; the second, with that name and ``uploaded``, takes it in."""
        query = _PICKLE if uploaded else _PICKLE_AUTH
        found = await asking.data(ctx, query, filename=filename, model=model_id)
        return {"upload": next(iter(found.values()))}

    @server.tool()
    async def run_diagnostics(
        ctx: Context,
        model_id: _Model,
        filename: Annotated[str | None, Field(max_length=200)] = None,
        uploaded: bool = False,
        diagnostics_id: Annotated[str | None, Field(max_length=36)] = None,
    ) -> dict[str, Any]:
        """Examines validation predictions: with ``filename`` an address to PUT the file to; with
        the name given there and ``uploaded`` it begins; without both it tells how it stands."""
        if filename is None:
            found = await asking.data(ctx, _EXAMINED, model=model_id, id=diagnostics_id)
        else:
            query = _EXAMINE if uploaded else _EXAMINE_AUTH
            found = await asking.data(ctx, query, filename=filename, model=model_id)
        return {"diagnostics": next(iter(found.values()))}
