"""What is found out about predictions for past eras."""

from collections.abc import Mapping
from dataclasses import make_dataclass
from typing import Any

import strawberry

from oracle.accounts.caller import Scope
from oracle.gateway.graphql.context import Info
from oracle.gateway.graphql.scalars import Time
from oracle.gateway.graphql.submissions import FileAuth, authorize
from oracle.intake.rows import Purpose

_SERIES = ("corr_v4", "fnc_v4", "ic_v2", "ric", "alpha")
"""Scores that are told with five statistics each."""
_STATISTICS = ("mean", "std", "sharpe", "max_drawdown", "corr_w_example_preds")
_RATED = (
    *(f"corr_{name}" for name in ("mean", "std", "sharpe")),
    *(f"mmc_{name}" for name in ("mean", "std", "sharpe")),
    *(f"corr_plus_mmc_{name}" for name in ("mean", "std", "sharpe", "sharpe_diff")),
    "feature_corr_max",
    "feature_neutral_corr_mean",
    "feature_neutral_corr_v3_mean",
    "max_drawdown",
)
_UNRATED = (
    "adjusted_sharpe",
    "apy",
    "autocorr",
    "bmc_mean",
    "corr_corr_w_example_preds",
    "corr_max_drawdown",
)
OVERALL = (
    "example_preds_corr_mean",
    *(f"validation_{name}{end}" for name in _RATED for end in ("", "_rating")),
    *(f"validation_{name}" for name in _UNRATED),
    *(f"validation_{series}_{name}" for series in _SERIES for name in _STATISTICS),
)
"""Numbers of an upload, by the schema's names before they are written in its way."""

PER_ERA = (
    "example_preds_corr",
    *(
        f"validation_{name}"
        for name in (
            "alpha",
            "bmc",
            "churn",
            "corr",
            "corr_v4",
            "feature_corr_max",
            "feature_neutral_corr",
            "feature_neutral_corr_v3",
            "mmc",
            "fnc_v4",
            "ic_v2",
            "ric",
        )
    ),
)


def _numbers(name: str, names: tuple[str, ...]) -> type:
    return make_dataclass(name, [(field, float | None, None) for field in names], kw_only=True)


@strawberry.type
class PerEraDiagnostics(_numbers("_PerEra", PER_ERA)):  # type: ignore[misc]
    """Numbers of one era; those that nobody works out here are empty."""

    era: int


@strawberry.type
class Diagnostics(_numbers("_Overall", OVERALL)):  # type: ignore[misc]
    """Numbers over all eras; those that nobody works out here, and all ratings, are empty.
    ``status``: pending, done or failed; ``message`` says why."""

    id: strawberry.ID
    filename: str
    status: str
    message: str | None
    updated_at: Time
    trained_on_val: bool | None
    eras_accepted_count: int | None
    per_era_diagnostics: list[PerEraDiagnostics]


def _known(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, float | None]:
    return {name: values.get(name) for name in names}


def _diagnostics(row: Any) -> Diagnostics:
    return Diagnostics(
        id=strawberry.ID(row.id),
        filename=row.filename,
        status=row.status,
        message=row.message or None,
        updated_at=Time(row.updated_at),
        trained_on_val=row.trained_on_val,
        eras_accepted_count=row.eras_accepted_count,
        per_era_diagnostics=[
            PerEraDiagnostics(era=int(era), **_known(values, PER_ERA))
            for era, values in row.per_era
        ],
        **_known(row.overall, OVERALL),
    )


@strawberry.type
class CreatedDiagnostics:
    id: strawberry.ID


@strawberry.type
class DiagnosticsQueries:
    @strawberry.field
    async def diagnostics_upload_auth(
        self,
        info: Info,
        filename: str,
        tournament: int | None = None,
        model_id: str | None = None,
    ) -> FileAuth:
        return await authorize(info.context, Purpose.DIAGNOSTICS, filename, tournament, model_id)

    @strawberry.field
    async def diagnostics(
        self, info: Info, model_id: str, id: str | None = None
    ) -> Diagnostics | None:
        """The upload with this id, or the last one of the model; empty where there is none."""
        context = info.context
        model = await context.own_model(Scope.READ_SUBMISSION_INFO, model_id)
        found = await context.call(context.doors.examiner.get, context.caller, id, model)
        return _diagnostics(found[0]) if found else None


@strawberry.type
class DiagnosticsMutations:
    @strawberry.mutation
    async def create_diagnostics(
        self,
        info: Info,
        filename: str,
        tournament: int | None = None,
        model_id: str | None = None,
    ) -> CreatedDiagnostics:
        """Examines an uploaded file; ``diagnostics`` tells what came of it."""
        context = info.context
        served = None if tournament is None else context.tournament(tournament)
        model = await context.own_model(Scope.UPLOAD_SUBMISSION, model_id, served)
        made = await context.call(
            context.doors.examiner.create, context.caller, model.tournament, model, filename
        )
        return CreatedDiagnostics(id=strawberry.ID(made))
