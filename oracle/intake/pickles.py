"""Uploaded models: kept, and shown as waiting for as long as nothing runs them."""

import re
import time
from collections.abc import Collection
from dataclasses import asdict
from typing import Final

from oracle.errors import InputError
from oracle.intake.intake import require_own
from oracle.intake.rows import Caller, Pickle, Purpose, Upload
from oracle.intake.uploads import Uploads
from oracle.records.asking import among, as_row, columns_of
from oracle.records.rows import ModelRow
from oracle.records.schema.uploads import pickles
from oracle.store.database import Database

PENDING: Final = "pending"
REASON: Final = (
    "this server runs no uploaded models: the file is kept; run the model yourself and upload its "
    "predictions"
)
_TOKEN = re.compile(r"[A-Za-z0-9._:/@-]{1,64}")


class Pickles:
    """Uploaded models in the server's database."""

    def __init__(self, database: Database, uploads: Uploads) -> None:
        self._database, self._uploads = database, uploads

    def create(
        self,
        caller: Caller,
        model: ModelRow,
        filename: str,
        data_version: str | None = None,
        docker_image: str | None = None,
    ) -> Pickle:
        """An uploaded file as one of the model's; asked again, the same one. It is never opened
        here: unpickling runs whatever is in it."""
        require_own(caller, model.tournament, model)
        for name, text in (("data version", data_version), ("docker image", docker_image)):
            if text is not None and not _TOKEN.fullmatch(text):
                raise InputError(f"{text[:40]!a} is no {name}", "leave it out")
        account = caller.signed_in()
        upload = self._uploads.find(account.id, model, filename, Purpose.PICKLE)
        with self._uploads.working(upload.id):
            known = self._by_id(upload.id)
            return known or self._used(upload, data_version, docker_image)

    def _used(self, upload: Upload, data_version: str | None, docker_image: str | None) -> Pickle:
        self._uploads.claim(upload)
        try:
            sha256 = upload.sha256 or self._uploads.hashed(upload)
            row = Pickle(
                id=upload.id,
                account=upload.account,
                tournament=upload.tournament,
                model=upload.model,
                filename=upload.filename,
                key=upload.key,
                sha256=sha256,
                data_version=data_version,
                docker_image=docker_image,
                status=PENDING,
                reason=REASON,
                inserted_at=int(time.time()),
            )
            insert = self._database.insert(pickles).values(asdict(row)).on_conflict_do_nothing()
            self._database.run(lambda connection: connection.execute(insert))
            return row
        except BaseException:
            self._uploads.give_back(upload)
            raise

    def of_models(self, tournament: int, models: Collection[int]) -> list[Pickle]:
        """Uploaded models of these, the newest first."""
        found = []
        for condition in among(pickles.c.model, models):
            query = columns_of(pickles, Pickle).where(pickles.c.tournament == tournament, condition)
            rows = self._database.read(lambda c, q=query: c.execute(q).all())  # type: ignore[misc]
            found += [as_row(row, Pickle) for row in rows]
        return sorted(found, key=lambda row: -row.inserted_at)

    def data_versions(self) -> dict[str, str]:
        """Ids by name of the data versions that models may be run on: none, as none are run."""
        return {}

    def docker_images(self) -> dict[str, str]:
        """Ids by name of the images that models may be run in: none, as none are run."""
        return {}

    def _by_id(self, wanted: str) -> Pickle | None:
        query = columns_of(pickles, Pickle).where(pickles.c.id == wanted)
        row = self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else as_row(row, Pickle)
