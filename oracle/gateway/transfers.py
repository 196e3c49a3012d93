"""Files in and out by signed addresses; who has one needs nothing else, and can do nothing else."""

import asyncio
import base64
import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.requests import ClientDisconnect

from oracle.errors import InputError, UnreachableError
from oracle.files.blobs import MissingBlobError, TooLargeError
from oracle.files.signed import PATH, AddressError
from oracle.gateway.errors import Told
from oracle.gateway.intaking import blobs_of, signed_of, uploads_of
from oracle.gateway.services import Outside, Services
from oracle.intake.rows import Purpose

_IN_MEMORY: Final = 2**20
_PIECE = 2**18


@dataclass(frozen=True, slots=True)
class Pace:
    """``uploads`` at once, ``of_one`` account; a body may take ``seconds``, and one more for each
    ``rate`` bytes."""

    uploads: int = 128
    of_one: int = 32
    seconds: float = 20.0
    rate: int = 2**14


_LARGE = Pace(uploads=16, of_one=2, rate=2**16)
_PACES = {Purpose.SUBMISSION: Pace(), Purpose.DIAGNOSTICS: _LARGE, Purpose.PICKLE: _LARGE}
"""Each purpose has places of its own: whoever sends large files slowly keeps no submission out."""


class _Places:
    """Uploads that are under way for one purpose."""

    def __init__(self, pace: Pace) -> None:
        self.pace, self._taken = pace, Counter[str]()

    @contextmanager
    def one(self, account: str) -> Iterator[None]:
        """A place of this account. Raises ``UnreachableError`` where there is none."""
        if self._taken.total() >= self.pace.uploads or self._taken[account] >= self.pace.of_one:
            raise BusyError("too many uploads at work", "send it again soon")
        self._taken[account] += 1
        try:
            yield
        finally:
            self._taken[account] -= 1
            if not self._taken[account]:
                del self._taken[account]


class BusyError(UnreachableError):
    """All places are taken."""

    code = "busy"


def router(services: Services, paces: Mapping[Purpose, Pace] = _PACES) -> APIRouter:
    """Routes below ``/files/``. They are no part of the programming interface: clients are given
    the addresses, and use them as they are."""
    routes = APIRouter(include_in_schema=False)
    signed, blobs = services.part(signed_of), services.part(blobs_of)
    uploads = services.part(uploads_of)
    places = {str(purpose): _Places(paces[purpose]) for purpose in Purpose}

    @routes.put(PATH + "{key:path}")
    async def put(request: Request, key: str) -> Response:
        try:
            said = signed.check_upload(key, dict(request.query_params))
        except AddressError as error:
            return _forbidden(error)
        upload = await services.call(uploads.require_open, said.key)
        free = places[upload.purpose]
        with (
            free.one(upload.account),
            tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(services.config.home)) as file,
        ):
            await _received(request, file, said.most, free.pace)
            stored = await services.outside(
                Outside.STORING, uploads.receive, said.key, _pieces(file), said.most
            )
        sha256 = stored.sha256.hex()
        return JSONResponse(
            {"sha256": sha256, "size": stored.size}, headers={"etag": f'"{sha256}"'}
        )

    @routes.api_route(PATH + "{key:path}", methods=["GET", "HEAD"])
    async def get(request: Request, key: str) -> Response:
        try:
            said = signed.check_download(key, dict(request.query_params))
        except AddressError as error:
            return _forbidden(error)
        path = await services.call(blobs.path, said.key)
        if path is None:
            missing = MissingBlobError("this file is not kept here")
            return Told(404, missing.code, missing.message).response()
        headers = {"cache-control": "private, max-age=600", "x-content-type-options": "nosniff"}
        if said.sha256:
            headers["etag"] = f'"{said.sha256}"'
        return FileResponse(
            path, headers=headers, media_type="application/octet-stream", filename=said.filename
        )

    return routes


def _forbidden(error: AddressError) -> JSONResponse:
    return Told(403, error.code, error.message, error.fix).response()


async def _received(request: Request, file: IO[bytes], most: int, pace: Pace) -> None:
    """The body, within its bounds, and of the hash that the client says it has, if it says one.

    Raises ``TooLargeError`` or ``InputError``; a body that ends too early is none.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and (len(announced) > 18 or int(announced) > most):
        raise TooLargeError(f"the file is larger than {most} bytes")
    expected = _digest(request.headers.get("content-digest", ""))
    hashed, size = hashlib.sha256(), 0
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(pace.seconds) as limit:
            async for piece in request.stream():
                size += len(piece)
                if size > most:
                    raise TooLargeError(f"the file is larger than {most} bytes")
                hashed.update(piece)
                file.write(piece)
                limit.reschedule(began + pace.seconds + size / pace.rate)
    except TimeoutError:
        raise InputError("the file came too slowly", "send it again over a better line") from None
    except ClientDisconnect:
        raise InputError("the connection was closed before the file was complete") from None
    if expected is not None and hashed.digest() != expected:
        raise InputError("the file differs from its Content-Digest", "send it again")


def _digest(header: str) -> bytes | None:
    """SHA-256 of a ``Content-Digest`` header, None without one."""
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "sha-256":
            try:
                return base64.b64decode(value.strip(":"), validate=True)
            except ValueError:  # binascii.Error too
                raise InputError("Content-Digest: sha-256 is not base64") from None
    return None


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece
