"""Transactions and typed data as people get them to sign."""

from collections.abc import Iterable

from pydantic import BaseModel

from oracle.staking.transactions import Unsigned


class CallShown(BaseModel):
    """A transaction to sign and send: gas and nonce are the wallet's to fill in. ``value`` is wei;
    ``after``: seconds that must have passed since the one before it was in a block."""

    call: str
    chain_id: int
    to: str
    data: str
    value: str
    after: int


def shown_calls(calls: Iterable[Unsigned]) -> list[CallShown]:
    return [
        CallShown(
            call=one.call,
            chain_id=one.chain_id,
            to=one.to,
            data="0x" + one.data.hex(),
            value=str(one.value),
            after=one.after,
        )
        for one in calls
    ]
