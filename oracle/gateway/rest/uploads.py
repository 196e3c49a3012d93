"""Routes of files on their way in: an address is asked for, the file put there, then used."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from oracle.accounts.caller import Scope
from oracle.gateway.intaking import intake_of
from oracle.gateway.rest.common import ERRORS, ModelId, asked, own_model
from oracle.gateway.rest.models import SubmissionShown, shown_submission
from oracle.gateway.services import Services


class UploadWish(BaseModel):
    """``filename``: what the file is called where it comes from."""

    filename: str = Field(max_length=160)
    purpose: Literal["submission", "diagnostics"]


class AddressShown(BaseModel):
    """PUT the file to ``url``, which is good once; then name it by ``filename``."""

    filename: str
    url: str


class SubmissionWish(BaseModel):
    """``filename``: the name that came with the address."""

    filename: str = Field(max_length=160)


def router(services: Services) -> APIRouter:
    """Routes below ``/v1/models/<id>``."""
    routes = APIRouter(prefix="/v1/models", tags=["submissions"], responses=ERRORS)
    intake, call = services.part(intake_of), services.call

    @routes.post("/{model_id}/uploads", status_code=201)
    async def address(request: Request, model_id: ModelId, wish: UploadWish) -> AddressShown:
        """Where to put a file for a model of the caller's."""
        caller = await asked(services, request)
        model = await own_model(services, caller, model_id, Scope.UPLOAD_SUBMISSION)
        made = await call(
            intake.authorize, caller, model.tournament, model, wish.filename, wish.purpose
        )
        return AddressShown(filename=made.filename, url=made.url)

    @routes.post("/{model_id}/submissions", status_code=201)
    async def submit(request: Request, model_id: ModelId, wish: SubmissionWish) -> SubmissionShown:
        """The file as a submission for the open round; asked again, the same one."""
        caller = await asked(services, request)
        model = await own_model(services, caller, model_id, Scope.UPLOAD_SUBMISSION)
        made = await call(
            intake.create, caller, model.tournament, model, wish.filename, source="assay"
        )
        return shown_submission(made)

    return routes
