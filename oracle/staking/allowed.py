"""Whether a mandate allows a request now: as StakeRelay and the token would judge it."""

from oracle.errors import RefusedError
from oracle.settlement.intents import ALL_WEI, StakeMandate
from oracle.settlement.units import WEI_PER_UNIT, nmr
from oracle.staking.desk import Asked, StakeDesk
from oracle.staking.rows import Action, StoredMandate


class MandateNeededError(RefusedError):
    """The owner has not allowed it, or no longer; the text names where to sign."""

    code = "mandate_needed"


def mandate_for(
    desk: StakeDesk, given: list[StoredMandate], model: int, asked: Asked
) -> StoredMandate:
    """The first mandate that allows the request. Raises ``MandateNeededError`` without one."""
    reasons = []
    for stored in given:
        reason = _against(desk, stored.mandate, model, asked)
        if reason is None:
            return stored
        reasons.append(reason)
    why = reasons[0] if reasons else "the model's owner has given this server no mandate"
    page = desk.page(model, asked.action)
    raise MandateNeededError(f"{why}; sign at {page}", f"sign at {page}")


def require_tokens(desk: StakeDesk, owner: str, model: int, asked: Asked) -> None:
    """Raises ``RefusedError`` where the pool could not take a deposit from its owner."""
    if asked.action is not Action.INCREASE:
        return
    held = desk.reader.tokens_of(owner) * WEI_PER_UNIT
    if held < asked.wei:
        raise RefusedError(
            f"the owner's wallet holds {_nmr(held)} NMR, which is less than {_nmr(asked.wei)}",
            "stake less, or send it NMR",
        )
    allowed = desk.reader.allowance_of(owner, desk.reader.addresses.pool)
    if allowed < asked.wei:
        page = desk.page(model, asked.action)
        raise MandateNeededError(
            f"the pool may take {_nmr(allowed)} NMR from the owner's wallet, which is less than "
            f"{_nmr(asked.wei)}; approve it at {page}",
            f"approve it at {page}",
        )


def _against(desk: StakeDesk, mandate: StakeMandate, model: int, asked: Asked) -> str | None:
    """What speaks against a mandate, None if it allows the request."""
    if desk.relayer is None or mandate.relayer.lower() != desk.relayer.lower():
        return "the mandate is for a relayer that this server no longer has"
    if model not in mandate.models:
        return "the owner's mandate does not name this model"
    if desk.now() > mandate.expiry:
        return "the owner's mandate has expired"
    used = desk.reader.mandate_use(mandate.owner, mandate.hash())
    if used["revoked"]:
        return "the owner has revoked the mandate"
    if asked.action is Action.INCREASE:
        return _beyond(used["deposited"], mandate.max_deposit, asked, "deposits")
    if mandate.max_release == ALL_WEI:
        return None
    return _beyond(used["released"], mandate.max_release, asked, "releases")


def _beyond(used: int, most: int, asked: Asked, what: str) -> str | None:
    if asked.units is None:
        return "the owner's mandate does not allow a release of everything"
    if used + asked.wei <= most:
        return None
    return f"the owner's mandate allows {what} of {_nmr(max(most - used, 0))} NMR more"


def _nmr(wei: int) -> str:
    return nmr(wei // WEI_PER_UNIT)
