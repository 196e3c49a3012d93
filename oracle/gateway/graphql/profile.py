"""What owners say of their models, and the webhooks that are called for them."""

import strawberry

from oracle.accounts.caller import Scope
from oracle.gateway.graphql.context import Info
from oracle.gateway.services import Outside


@strawberry.type
class ProfileMutations:
    @strawberry.mutation
    async def set_user_bio(self, info: Info, value: str, model_id: str | None = None) -> bool:
        context = info.context
        model = await context.own_model(Scope.EDIT_PROFILE, model_id)
        await context.call(context.doors.profiles.set_bio, model, value)
        return True

    @strawberry.mutation
    async def set_user_link(
        self,
        info: Info,
        link_url: str,
        link_text: str | None = None,
        model_id: str | None = None,
    ) -> bool:
        context = info.context
        model = await context.own_model(Scope.EDIT_PROFILE, model_id)
        await context.call(context.doors.profiles.set_link, model, link_text, link_url)
        return True

    @strawberry.mutation
    async def set_submission_webhook(
        self,
        info: Info,
        model_id: str,
        new_submission_webhook: str | None = None,
    ) -> str:
        """Has ``new_submission_webhook`` called when a round opens, or none. The answer is
        ``true`` as a text."""
        context = info.context
        model = await context.own_model(Scope.EDIT_PROFILE, model_id)
        await context.call(context.doors.profiles.set_webhook, model, new_submission_webhook)
        return "true"

    @strawberry.mutation
    async def trigger_model_webhook(self, info: Info, model_id: str) -> str:
        """Calls a model's webhook now; the answer is the trigger's id, which the submission names
        that comes of it."""
        context = info.context
        model = await context.own_model(Scope.UPLOAD_SUBMISSION, model_id)
        return await context.outside(Outside.CALLING, context.doors.webhooks.trigger, model)
