"""What ``assay simulate`` takes from a chain, and its rehearsal on a fork."""

from dataclasses import dataclass, replace

import numpy as np

from oracle.audit.simulate import Plan, ScorePaths, settle_path
from oracle.chain.reader import PoolReader
from oracle.devnet.fork import forked
from oracle.devnet.rehearsal import Played, Rehearsal
from oracle.errors import DifferenceError, InputError
from oracle.settlement.payout import Template


@dataclass(frozen=True, slots=True)
class OnChain:
    """A tournament now. Amounts in U, ``phi`` at 10^-6.

    ``others`` is all stake but the model's; ``at_risk`` what the last result said to be at risk,
    all other stake before the first one. ``template`` is None before the first announcement,
    ``stake`` where no model was named.
    """

    template: Template | None
    phi: int
    others: int
    at_risk: int
    vault: int
    stake: int | None
    take_profit: bool


def on_chain(reader: PoolReader, model: int | None) -> OnChain:
    """Raises ``InputError`` for a model that is not registered."""
    newest = reader.newest()
    pool = reader.pool_at(newest.number)
    last = pool.last_announced
    stake, take_profit = None, False
    if model is not None:
        if reader.owner_of(model) is None:
            raise InputError(f"model {model} is not registered", "see `assay models list`")
        lane = pool.projected_lane(model, last + 1)
        stake, take_profit = lane.stake, lane.take_profit
    everyone = sum(pool.projected_lane(m, last + 1).stake for m in range(reader.models()))
    others = everyone - (stake or 0)
    announced = reader.announced(last) if last else None
    return OnChain(
        template=None if announced is None else announced.template,
        phi=reader.last_phi(),
        others=others,
        at_risk=min(others, _last_at_risk(reader, last, everyone)),
        vault=pool.vault,
        stake=stake,
        take_profit=take_profit,
    )


_LOOK_BACK = 100
"""More rounds than can wait for their result."""


def _last_at_risk(reader: PoolReader, last: int, everyone: int) -> int:
    for number in range(last, max(0, last - _LOOK_BACK), -1):
        committed = reader.committed(number)
        if committed is not None:
            return committed.at_risk
    return everyone


def rehearse(
    rpc: str, reader: PoolReader, plan: Plan, scores: ScorePaths, rounds: int
) -> list[Played]:
    """The first path's first rounds through the contracts on a fork of the chain at ``rpc``.

    Raises ``DifferenceError`` where contract and simulation part.
    """
    lanes = scores.draw(np.random.default_rng(plan.seed), plan.rounds)[:rounds]
    where = reader.addresses
    with forked(rpc) as fork:
        rehearsal = Rehearsal(
            fork=fork,
            reader=PoolReader.open(fork.url, where.pool, where.chain_id),
            template=plan.template,
            phi=plan.phi,
            stake=plan.stake,
            take_profit=plan.take_profit,
            others_at_risk=plan.others_at_risk,
        )
        played = rehearsal.play(lanes)
    # Waiting requests were served on the fork before its first round.
    plan = replace(plan, others=rehearsal.others, vault=rehearsal.vault)
    for one, value in zip(played, settle_path(plan, lanes).values[1:], strict=True):
        if one.stake + one.claimable != value:
            raise DifferenceError(
                f"round {one.round} on the fork ends with {one.stake + one.claimable} U, the "
                f"simulation with {value} U",
                "report this: it should never happen",
            )
    return played
