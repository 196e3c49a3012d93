"""The whole schema."""

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types
from strawberry.types import ExecutionContext

from oracle.gateway.graphql.account import AccountQueries
from oracle.gateway.graphql.boards import BoardQueries
from oracle.gateway.graphql.cost import Executor
from oracle.gateway.graphql.data import DataQueries
from oracle.gateway.graphql.diagnostics import DiagnosticsMutations, DiagnosticsQueries
from oracle.gateway.graphql.limits import extensions
from oracle.gateway.graphql.payouts import PayoutQueries
from oracle.gateway.graphql.performances import PerformanceQueries
from oracle.gateway.graphql.pickles import PickleMutations, PickleQueries
from oracle.gateway.graphql.profile import ProfileMutations
from oracle.gateway.graphql.profiles import ProfileQueries
from oracle.gateway.graphql.rounds import RoundQueries
from oracle.gateway.graphql.scalars import SCALARS
from oracle.gateway.graphql.scores import ScoreQueries
from oracle.gateway.graphql.staking import StakingMutations
from oracle.gateway.graphql.submissions import SubmissionMutations, SubmissionQueries
from oracle.gateway.graphql.v3 import V3Queries

_QUERIES = (
    AccountQueries,
    BoardQueries,
    DataQueries,
    DiagnosticsQueries,
    PayoutQueries,
    PerformanceQueries,
    PickleQueries,
    ProfileQueries,
    RoundQueries,
    ScoreQueries,
    SubmissionQueries,
    V3Queries,
)
_MUTATIONS = (
    DiagnosticsMutations,
    PickleMutations,
    ProfileMutations,
    StakingMutations,
    SubmissionMutations,
)


class Schema(strawberry.Schema):
    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Nothing: what is to be logged is logged where the answer is made."""


def build_schema() -> Schema:
    return Schema(
        query=merge_types("Query", _QUERIES),
        mutation=merge_types("Mutation", _MUTATIONS),
        extensions=extensions(),
        execution_context_class=Executor,
        config=StrawberryConfig(auto_camel_case=True, scalar_map=SCALARS),
    )
