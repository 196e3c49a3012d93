"""Predictions on their way in, and what became of them."""

from collections.abc import Sequence

import strawberry

from oracle.accounts.caller import Scope
from oracle.gateway.graphql.context import SIGNALS, Context, Info
from oracle.gateway.graphql.ids import round_id
from oracle.gateway.graphql.scalars import Time
from oracle.gateway.services import Outside
from oracle.intake.rows import Purpose, UploadAuth
from oracle.intake.rows import Submission as Row


@strawberry.type
class FileAuth:
    """Where a file is to be put, or got from; the address is good once, and for a while."""

    filename: str
    url: str


def file_auth(found: UploadAuth) -> FileAuth:
    return FileAuth(filename=found.filename, url=found.url)


@strawberry.type
class SubmissionRound:
    id: strawberry.ID
    tournament: int
    number: int


@strawberry.type
class Submission:
    """A file that was taken in for a round. ``selected``: the one of its model that counts.
    ``status``: accepted, refused, queued, sending, partial; ``reason`` why it was not accepted."""

    id: strawberry.ID
    filename: str
    selected: bool
    inserted_at: Time
    round: SubmissionRound
    trigger_id: str | None
    status: str
    reason: str | None
    late: bool
    sha256: str


def submission(row: Row) -> Submission:
    return Submission(
        id=strawberry.ID(row.id),
        filename=row.filename,
        selected=row.selected,
        inserted_at=Time(row.inserted_at),
        round=SubmissionRound(
            id=strawberry.ID(round_id(row.tournament, row.round)),
            tournament=row.tournament,
            number=row.round,
        ),
        trigger_id=row.trigger_id,
        status=row.status,
        reason=row.reason or None,
        late=row.late,
        sha256=row.sha256.hex(),
    )


def mine(context: Context, rows: Sequence[Row]) -> list[Submission]:
    """Those of the caller; what owners before him sent stays theirs."""
    account = context.caller.account
    return [submission(row) for row in rows if account is not None and row.account == account.id]


@strawberry.type
class CreatedSubmission:
    """``first_effective_date``: when the round opened that the file counts for."""

    id: strawberry.ID
    status: str
    first_effective_date: Time | None


async def authorize(
    context: Context, purpose: Purpose, filename: str, tournament: int | None, model_id: str | None
) -> FileAuth:
    served = None if tournament is None else context.tournament(tournament)
    model = await context.own_model(Scope.UPLOAD_SUBMISSION, model_id, served)
    found = await context.call(
        context.doors.intake.authorize, context.caller, model.tournament, model, filename, purpose
    )
    return file_auth(found)


async def _create(
    context: Context,
    filename: str,
    tournament: int | None,
    model_id: str | None,
    trigger_id: str | None,
    source: str | None,
    data_datestamp: int | None,
) -> CreatedSubmission:
    served = None if tournament is None else context.tournament(tournament)
    model = await context.own_model(Scope.UPLOAD_SUBMISSION, model_id, served)

    def create() -> Row:
        return context.doors.intake.create(
            context.caller,
            model.tournament,
            model,
            filename,
            trigger_id=trigger_id,
            source=source,
            data_datestamp=data_datestamp,
        )

    made = await context.outside(Outside.SENDING, create)
    row = await context.call(context.services.rounds.get, made.tournament, made.round)
    opens = None if row is None or row.opens is None else Time(row.opens)
    return CreatedSubmission(
        id=strawberry.ID(made.id), status=made.status, first_effective_date=opens
    )


@strawberry.type
class SubmissionQueries:
    @strawberry.field(name="submission_upload_auth")
    async def submission_upload_auth(
        self,
        info: Info,
        filename: str,
        tournament: int | None = None,
        model_id: str | None = None,
    ) -> FileAuth:
        return await authorize(info.context, Purpose.SUBMISSION, filename, tournament, model_id)

    @strawberry.field
    async def submission_upload_signals_auth(
        self,
        info: Info,
        filename: str,
        tournament: int | None = None,
        model_id: str | None = None,
    ) -> FileAuth:
        return await authorize(info.context, Purpose.SUBMISSION, filename, tournament, model_id)

    @strawberry.field
    async def submissions(self, info: Info, model_id: str | None = None) -> list[Submission]:
        """What you sent for a model of yours, the newest first."""
        context = info.context
        model = await context.own_model(Scope.READ_SUBMISSION_INFO, model_id)
        return mine(context, await context.loaders.submissions.load(model))

    @strawberry.field
    async def submission_download_auth(self, info: Info, id: str | None = None) -> FileAuth:
        context = info.context
        context.require(Scope.DOWNLOAD_SUBMISSION)
        found = await context.call(context.doors.intake.download, context.caller, id or "")
        return file_auth(found)


@strawberry.type
class SubmissionMutations:
    @strawberry.mutation(name="create_submission")
    async def create_submission(
        self,
        info: Info,
        filename: str,
        tournament: int | None = None,
        model_id: str | None = None,
        trigger_id: str | None = None,
        source: str | None = None,
        data_datestamp: int | None = None,
    ) -> CreatedSubmission:
        return await _create(
            info.context, filename, tournament, model_id, trigger_id, source, data_datestamp
        )

    @strawberry.mutation
    async def create_signals_submission(
        self,
        info: Info,
        filename: str,
        model_id: str | None = None,
        trigger_id: str | None = None,
        source: str | None = None,
        data_datestamp: int | None = None,
    ) -> CreatedSubmission:
        return await _create(
            info.context, filename, SIGNALS, model_id, trigger_id, source, data_datestamp
        )
