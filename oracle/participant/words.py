"""What a model's owner signs once for a server: its key for submissions, a mandate for stakes.

A server says what it would like to have signed. What is signed here is what the owner meant, and
is refused where the server asked for more.
"""

from oracle.chain.signed import SignedMandate, sign_mandate
from oracle.chain.signing import Signer, sign
from oracle.chain.views import Addresses
from oracle.errors import RefusedError
from oracle.participant.client import Client
from oracle.settlement.intents import ALL_WEI, StakeMandate
from oracle.settlement.submitters import SubmissionKey
from oracle.settlement.typed_data import Domain
from oracle.settlement.units import WEI_PER_UNIT, nmr

_DAY = 86_400
_CLOCKS = 3_600
"""Seconds by which the server's view of the chain may be ahead of the owner's."""


def allow_submissions(
    client: Client, tournament: int, domain: Domain, owner: Signer, rounds: int
) -> SubmissionKey:
    """Lets the server's key sign submissions of so many rounds; ``domain`` is the pool's."""
    path = f"/v1/tournaments/{tournament}/submission-key"
    wanted = SubmissionKey(**client.get(path, rounds=rounds)["wanted"])
    if not (wanted.is_bounded() and wanted.last_round - wanted.first_round <= rounds):
        raise RefusedError(f"the server asks for a key for other than {rounds} rounds")
    signature = sign(owner, wanted, domain)
    body = {
        "first_round": wanted.first_round,
        "last_round": wanted.last_round,
        "signature": "0x" + signature.hex(),
    }
    client.put(path, body)
    return wanted


def give_mandate(
    client: Client,
    tournament: int,
    where: Addresses,
    owner: Signer,
    models: tuple[int, ...],
    most: int,
    days: int,
    now: int,
) -> StakeMandate:
    """Lets the server's relayer deposit up to ``most`` U for these models and release them, for
    ``days`` from ``now``, the chain's time. The pool's allowance is a transaction of its own."""
    asked = client.get(
        f"/v1/tournaments/{tournament}/mandate-to-sign",
        max_deposit=nmr(most),
        days=days,
        models=list(models),
    )["unsigned"]
    wanted = SignedMandate.model_validate({**asked, "signature": "0x" + "00" * 65}).struct()
    meant = StakeMandate(
        pool=where.pool,
        owner=owner.address,
        relayer=wanted.relayer,
        models=models,
        max_deposit=most * WEI_PER_UNIT,
        max_release=ALL_WEI,
        expiry=min(wanted.expiry, now + days * _DAY + _CLOCKS),
        salt=wanted.salt,
    )
    if wanted != meant:
        raise RefusedError("the server asks for another mandate than it was asked for")
    signed = sign_mandate(meant, where, owner)
    client.put(f"/v1/tournaments/{tournament}/mandates", signed.model_dump())
    return meant
