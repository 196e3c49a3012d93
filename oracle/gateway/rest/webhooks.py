"""Routes of a model's webhook: where it is called, the secret that calls are signed with, and what
became of them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from oracle.accounts.caller import Scope
from oracle.gateway.calling import webhooks_of
from oracle.gateway.forms import iso
from oracle.gateway.rest.common import ERRORS, ModelId, asked, own_model
from oracle.gateway.services import Outside, Services
from oracle.life.webhooks import Delivery, shown_secret
from oracle.records.profiles import Profiles
from oracle.records.rows import ModelRow

_LONGEST_URL = 2_000


class WebhookWish(BaseModel):
    """``url``: where the model is called when a round opens; null: nowhere. ``new_secret``: sign
    with another secret from now on."""

    url: str | None = Field(max_length=_LONGEST_URL)
    new_secret: bool = False


class DeliveryShown(BaseModel):
    """``event``: opened or asked. ``status``: waiting, sent or failed; ``answer``: what was said
    last."""

    trigger_id: str
    round: int
    event: str
    status: str
    attempts: int
    answer: str
    created: str | None


class WebhookShown(BaseModel):
    """``secret`` is for the receiver, to know who calls; null before there was a webhook."""

    url: str | None
    secret: str | None
    deliveries: list[DeliveryShown]


class TriggerShown(BaseModel):
    """The submission that comes of it names ``trigger_id``."""

    trigger_id: str


def router(services: Services) -> APIRouter:
    """Routes below ``/v1/models/<id>/webhook``."""
    routes = APIRouter(prefix="/v1", tags=["webhooks"], responses=ERRORS)
    profiles, webhooks = Profiles(services.database), services.part(webhooks_of)

    def shown(model: ModelRow, limit: int) -> WebhookShown:
        said = profiles.of(model)
        secret = said.webhook_secret if said and said.webhook else None
        calls = webhooks.of_model(model.tournament, model.model, limit) if said else []
        return WebhookShown(
            url=said.webhook if said else None,
            secret=None if secret is None else shown_secret(secret),
            deliveries=[_delivery(one) for one in calls],
        )

    @routes.get("/models/{model_id}/webhook")
    async def webhook(
        request: Request, model_id: ModelId, limit: Annotated[int, Query(ge=1, le=100)] = 20
    ) -> WebhookShown:
        """A model of yours, with the newest calls to it."""
        caller = await asked(services, request)
        model = await own_model(services, caller, model_id, Scope.EDIT_PROFILE)
        return await services.call(shown, model, limit)

    @routes.put("/models/{model_id}/webhook")
    async def change(request: Request, model_id: ModelId, wish: WebhookWish) -> WebhookShown:
        caller = await asked(services, request)
        model = await own_model(services, caller, model_id, Scope.EDIT_PROFILE)

        def put() -> WebhookShown:
            profiles.set_webhook(model, wish.url)
            if wish.new_secret:
                profiles.renew_secret(model)
            return shown(model, 20)

        return await services.call(put)

    @routes.post("/models/{model_id}/webhook/triggers", status_code=201)
    async def trigger(request: Request, model_id: ModelId) -> TriggerShown:
        """Calls it now; refused where it does not take the call."""
        caller = await asked(services, request)
        model = await own_model(services, caller, model_id, Scope.UPLOAD_SUBMISSION)
        return TriggerShown(
            trigger_id=await services.outside(Outside.CALLING, webhooks.trigger, model)
        )

    return routes


def _delivery(row: Delivery) -> DeliveryShown:
    return DeliveryShown(
        trigger_id=row.trigger_id,
        round=row.round,
        event=row.event,
        status=row.status,
        attempts=row.attempts,
        answer=row.answer,
        created=iso(row.created_at),
    )
