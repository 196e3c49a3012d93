"""Uploaded models. They are kept; nothing runs them yet, and their status says so."""

import strawberry

from oracle.accounts.caller import Scope
from oracle.gateway.graphql.context import Info
from oracle.gateway.graphql.scalars import Time
from oracle.gateway.graphql.submissions import FileAuth, authorize
from oracle.intake.rows import Pickle, Purpose


@strawberry.type
class Choice:
    id: strawberry.ID
    name: str


@strawberry.type
class ComputePickle:
    """``reason`` says why it has this status."""

    id: strawberry.ID
    filename: str
    status: str
    reason: str
    inserted_at: Time


@strawberry.type
class PickleQueries:
    @strawberry.field
    async def compute_pickle_upload_auth(
        self, info: Info, filename: str, model_id: str | None = None
    ) -> FileAuth:
        return await authorize(info.context, Purpose.PICKLE, filename, None, model_id)

    @strawberry.field
    async def compute_pickles(self, info: Info, model_id: str | None = None) -> list[ComputePickle]:
        """Uploaded models of one of yours, the newest first."""
        context = info.context
        model = await context.own_model(Scope.READ_SUBMISSION_INFO, model_id)
        rows = await context.call(context.doors.pickles.of_models, model.tournament, [model.model])
        return [_pickle(row) for row in rows]

    @strawberry.field
    async def compute_pickle_data_versions(self, info: Info) -> list[Choice]:
        info.context.require(Scope.UPLOAD_SUBMISSION)
        return _choices(info.context.doors.pickles.data_versions())

    @strawberry.field
    async def compute_pickle_docker_images(self, info: Info) -> list[Choice]:
        info.context.require(Scope.UPLOAD_SUBMISSION)
        return _choices(info.context.doors.pickles.docker_images())


def _pickle(row: Pickle) -> ComputePickle:
    return ComputePickle(
        id=strawberry.ID(row.id),
        filename=row.filename,
        status=row.status,
        reason=row.reason,
        inserted_at=Time(row.inserted_at),
    )


def _choices(found: dict[str, str]) -> list[Choice]:
    return [Choice(id=strawberry.ID(id_), name=name) for name, id_ in found.items()]


@strawberry.type
class PickleMutations:
    @strawberry.mutation
    async def create_compute_pickle_upload(
        self,
        info: Info,
        filename: str,
        tournament: int | None = None,
        model_id: str | None = None,
        data_version_id: str | None = None,
        docker_image_id: str | None = None,
    ) -> ComputePickle:
        context = info.context
        served = None if tournament is None else context.tournament(tournament)
        model = await context.own_model(Scope.UPLOAD_SUBMISSION, model_id, served)
        row = await context.call(
            context.doors.pickles.create,
            context.caller,
            model,
            filename,
            data_version_id,
            docker_image_id,
        )
        return _pickle(row)
