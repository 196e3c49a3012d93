"""What takes in files for the tournaments that are served."""

from functools import partial

from oracle.chain.signers import open_signer
from oracle.files.blobs import Blobs, LocalBlobs
from oracle.files.bucket import S3Blobs
from oracle.files.signed import Signed, load_secret
from oracle.gateway.config import FilesSettings
from oracle.gateway.services import Services
from oracle.gateway.tasks import Task
from oracle.intake.datasets import Datasets
from oracle.intake.desk import Desk
from oracle.intake.intake import Intake
from oracle.intake.permits import Permits
from oracle.intake.pickles import Pickles
from oracle.intake.queue import send_queued
from oracle.intake.quota import Quota
from oracle.intake.rows import Purpose
from oracle.intake.uploads import Uploads

_TIDY_SECONDS, _QUEUE_SECONDS, _PUBLISH_SECONDS = 600.0, 2.0, 5.0


def blobs_of(services: Services) -> Blobs:
    return _blobs(services.config.files)


def signed_of(services: Services) -> Signed:
    return Signed(load_secret(services.config.files.secret), services.config.url)


def uploads_of(services: Services) -> Uploads:
    files = services.config.files
    sizes = {
        Purpose.SUBMISSION: files.max_upload,
        Purpose.DIAGNOSTICS: files.max_diagnostics,
        Purpose.PICKLE: files.max_pickle,
    }
    return Uploads(
        services.database,
        services.part(blobs_of),
        services.part(signed_of),
        sizes,
        files.url_seconds,
        count=partial(services.accounts.rates.count, "upload"),
        quota=Quota(files.account_bytes, files.free_bytes, None if files.s3 else files.folder),
    )


def desks_of(services: Services) -> dict[int, Desk]:
    signer = open_signer(services.config.submitter)
    return {
        number: Desk(
            one.ledger.reader, one.rules, one.settings.data, one.settings.operators, signer
        )
        for number, one in services.tournaments.items()
    }


def intake_of(services: Services) -> Intake:
    desks = services.part(desks_of)
    return Intake(
        services.database,
        services.part(uploads_of),
        desks,
        Permits(services.database, desks, services.config.url),
        lambda number: services.tournament(number).now(),
    )


def pickles_of(services: Services) -> Pickles:
    return Pickles(services.database, services.part(uploads_of))


def datasets_of(services: Services) -> Datasets:
    return Datasets(
        services.database,
        services.part(uploads_of),
        lambda number: services.tournament(number).now(),
        {n: one.settings.datasets for n, one in services.tournaments.items()},
    )


def tasks(services: Services) -> list[Task]:
    """Sending what is queued, publishing what is new, removing what nobody uses."""
    intake, datasets = services.part(intake_of), services.part(datasets_of)
    of_all = [Task("tidy uploads", _TIDY_SECONDS, intake.uploads.tidy)]
    for number, one in services.tournaments.items():
        queue = _Queue(intake, number)
        of_all.append(Task(f"send queued {number}", _QUEUE_SECONDS, queue.run))
        if one.settings.datasets is not None:
            publish = _Publishing(datasets, number)
            of_all.append(Task(f"publish {number}", _PUBLISH_SECONDS, publish.run))
    return of_all


class _Queue:
    def __init__(self, intake: Intake, number: int) -> None:
        self._intake, self._number = intake, number

    def run(self) -> int:
        return send_queued(self._intake, self._number)


class _Publishing:
    def __init__(self, datasets: Datasets, number: int) -> None:
        self._datasets, self._number = datasets, number

    def run(self) -> int:
        return self._datasets.publish(self._number)


def _blobs(files: FilesSettings) -> Blobs:
    if files.s3 is None:
        return LocalBlobs(files.folder)
    s3 = files.s3
    return S3Blobs(s3.bucket, s3.prefix, s3.endpoint_url, s3.region)
