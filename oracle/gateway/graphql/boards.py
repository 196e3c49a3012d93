"""Leaderboards: of models, and of accounts over their models.

Scores that a tournament does not have are empty. ``corr20V2Rep`` is the same as ``corr20Rep``:
there is one CORR here.
"""

import strawberry

from oracle.gateway.forms import score
from oracle.gateway.graphql.context import CLASSIC, CRYPTO, SIGNALS, Context, Info
from oracle.gateway.graphql.limits import page
from oracle.gateway.graphql.scalars import Nmr, amount
from oracle.life.rows import AccountLeader, Leader
from oracle.settlement.units import UNITS_PER_NMR


@strawberry.type
class LeaderboardEntry:
    """A model of the first tournament, ranked by the year's mean of what rounds pay on. Reputations
    are means over a year's final scores, returns what rounds made of the stake."""

    rank: int
    username: str
    nmr_staked: Nmr
    team: bool
    corr20_rep: float | None = strawberry.field(name="corr20Rep")
    corr20_v2_rep: float | None = strawberry.field(name="corr20V2Rep")
    corj60_rep: float | None = strawberry.field(name="corj60Rep")
    fnc_rep: float | None
    fnc_v3_rep: float | None = strawberry.field(name="fncV3Rep")
    tc_rep: float | None
    mmc_rep: float | None
    bmc_rep: float | None
    return_1_day: float | None = strawberry.field(name="return_1_day")
    return_13_weeks: float | None = strawberry.field(name="return_13_weeks")
    return_52_weeks: float | None = strawberry.field(name="return_52_weeks")


@strawberry.type
class SignalsLeaderboardEntry:
    """A model of the second tournament. ``sharpe``: mean of what a year's rounds pay on by its
    standard deviation; ``today``: the newest of it."""

    rank: int
    prev_rank: int | None
    username: str
    nmr_staked: float
    sharpe: float | None
    today: float | None
    mmc: float | None
    mmc_rank: int | None
    ic_rep: float | None
    ic_rank: int | None
    tc_rep: float | None
    tc_rank: int | None
    alpha_rep: float | None
    alpha_rank: int | None
    mpc_rep: float | None
    mpc_rank: int | None


@strawberry.type
class CryptoLeaderboardEntry:
    """A model of the third tournament."""

    rank: int
    username: str
    nmr_staked: Nmr
    corr_rep: float | None
    mmc_rep: float | None
    return_1_day: float | None = strawberry.field(name="return_1_day")
    return_13_weeks: float | None = strawberry.field(name="return_13_weeks")
    return_52_weeks: float | None = strawberry.field(name="return_52_weeks")


@strawberry.type
class AccountLeaderboardEntry:
    """An account over all its models, weighted by stake."""

    rank: int
    username: str
    display_name: str
    nmr_staked: Nmr
    v2_corr20: float | None = strawberry.field(name="v2Corr20")
    cort20: float | None
    cor_j60: float | None = strawberry.field(name="corJ60")
    corr_v4: float | None = strawberry.field(name="corrV4")
    fnc_v4: float | None = strawberry.field(name="fncV4")
    ic_v2: float | None = strawberry.field(name="icV2")
    mmc: float | None
    ric: float | None
    return1y: float | None
    return3m: float | None
    return_all_time: float | None
    return1y_nmr: Nmr | None = strawberry.field(name="return1yNmr")
    return3m_nmr: Nmr | None = strawberry.field(name="return3mNmr")
    return_all_time_nmr: Nmr | None


_TOP = 50


async def _leaders(
    context: Context, tournament: int, limit: int | None, offset: int | None
) -> tuple[list[Leader], dict[int, str]]:
    """A page of leaders, and the names of their models."""
    served = context.tournament(None, tournament)
    most, left_out = page(limit, offset, _TOP)

    def ask() -> tuple[list[Leader], dict[int, str]]:
        rows = context.doors.leaders.page(served, most, left_out)
        models = context.services.models.by_id(served, [row.model for row in rows])
        return rows, {model.model: model.name for model in models}

    return await context.call(ask)


@strawberry.type
class BoardQueries:
    @strawberry.field
    async def v2_leaderboard(
        self, info: Info, limit: int | None = None, offset: int | None = None
    ) -> list[LeaderboardEntry]:
        rows, names = await _leaders(info.context, CLASSIC, limit, offset)
        return [_classic(row, names[row.model]) for row in rows]

    @strawberry.field
    async def signals_leaderboard(
        self, info: Info, limit: int | None = None, offset: int | None = None
    ) -> list[SignalsLeaderboardEntry]:
        rows, names = await _leaders(info.context, SIGNALS, limit, offset)
        return [_signals(row, names[row.model]) for row in rows]

    @strawberry.field
    async def cryptosignals_leaderboard(
        self, info: Info, limit: int | None = None, offset: int | None = None
    ) -> list[CryptoLeaderboardEntry]:
        rows, names = await _leaders(info.context, CRYPTO, limit, offset)
        return [_crypto(row, names[row.model]) for row in rows]

    @strawberry.field
    async def account_leaderboard(
        self,
        info: Info,
        limit: int | None = None,
        offset: int | None = None,
        tournament: int | None = None,
    ) -> list[AccountLeaderboardEntry]:
        """Accounts by what their models have at stake, in one tournament or in all of them."""
        context = info.context
        served = None if tournament is None else context.tournament(tournament)
        most, left_out = page(limit, offset, _TOP)
        rows = await context.call(context.doors.leaders.accounts, served, most, left_out)
        return [_account(row) for row in rows]


def _classic(row: Leader, name: str) -> LeaderboardEntry:
    rep = row.reputations.get
    return LeaderboardEntry(
        rank=row.rank,
        username=name,
        nmr_staked=Nmr(row.stake),
        team=False,
        corr20_rep=score(rep("corr")),
        corr20_v2_rep=score(rep("corr")),
        corj60_rep=None,
        fnc_rep=score(rep("fnc")),
        fnc_v3_rep=score(rep("fnc")),
        tc_rep=score(rep("tc")),
        mmc_rep=score(rep("mmc")),
        bmc_rep=None,
        **_returns(row),
    )


def _crypto(row: Leader, name: str) -> CryptoLeaderboardEntry:
    return CryptoLeaderboardEntry(
        rank=row.rank,
        username=name,
        nmr_staked=Nmr(row.stake),
        corr_rep=score(row.reputations.get("corr")),
        mmc_rep=score(row.reputations.get("mmc")),
        **_returns(row),
    )


def _returns(row: Leader) -> dict[str, float | None]:
    return {
        "return_1_day": score(row.returns.get("1_day")),
        "return_13_weeks": score(row.returns.get("13_weeks")),
        "return_52_weeks": score(row.returns.get("52_weeks")),
    }


def _signals(row: Leader, name: str) -> SignalsLeaderboardEntry:
    def rep(of: str) -> float | None:
        return score(row.reputations.get(of))

    return SignalsLeaderboardEntry(
        rank=row.rank,
        prev_rank=row.prev_rank,
        username=name,
        nmr_staked=row.stake / UNITS_PER_NMR,
        sharpe=score(row.sharpe),
        today=score(row.today),
        mmc=rep("mmc"),
        mmc_rank=row.ranks.get("mmc"),
        ic_rep=None,
        ic_rank=None,
        tc_rep=rep("tc"),
        tc_rank=row.ranks.get("tc"),
        alpha_rep=rep("alpha"),
        alpha_rank=row.ranks.get("alpha"),
        mpc_rep=rep("mpc"),
        mpc_rank=row.ranks.get("mpc"),
    )


def _account(row: AccountLeader) -> AccountLeaderboardEntry:
    def rep(of: str) -> float | None:
        return score(row.reputations.get(of))

    return AccountLeaderboardEntry(
        rank=row.rank,
        username=row.name,
        display_name=row.name,
        nmr_staked=Nmr(row.stake),
        v2_corr20=rep("corr"),
        cort20=None,
        cor_j60=None,
        corr_v4=None,
        fnc_v4=rep("fnc"),
        ic_v2=None,
        mmc=rep("mmc"),
        ric=None,
        return1y=score(row.returns.get("1y")),
        return3m=score(row.returns.get("3m")),
        return_all_time=score(row.returns.get("all_time")),
        return1y_nmr=amount(row.gains.get("1y")),
        return3m_nmr=amount(row.gains.get("3m")),
        return_all_time_nmr=amount(row.gains.get("all_time")),
    )
