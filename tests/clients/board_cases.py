"""What boards, standings and the pipeline must say, from folders and pool: none of it is read from
the server, and means, quotients and growth are exact fractions until the end."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from math import floor
from statistics import mean, pstdev
from typing import Any

from cases import Known, equal, moment, settled_at
from score_cases import committed, moved
from server_world import HORIZON, TIMING

from oracle.settlement.payout import SCORE_KINDS
from oracle.settlement.units import MILLIONTH, UNITS_PER_NMR

_ONE = 10**9
_DAY = 86_400
_CLOSE = 1e-4


def _floored(value: Fraction | None) -> float | None:
    """A value at 10^-9 as it is told."""
    return None if value is None else floor(value * _ONE) / _ONE


def _points(known: Known, number: int) -> dict[int, int]:
    """What a round pays on, of each model, at 10^-9."""
    template = known.history.world.announced(number).template
    kinds = {kind: name.lower() for name, kind in SCORE_KINDS.items()}
    paid = [
        (kinds[kind], multiplier)
        for kind, multiplier in zip(template.kinds, template.multipliers, strict=True)
        if kind and multiplier
    ]
    return {
        model: sum(scores[name] * multiplier for name, multiplier in paid) // MILLIONTH
        for model, scores in committed(known, number).items()
    }


def _values(known: Known, of: Callable[[int], dict[int, int]]) -> dict[int, list[int]]:
    """By model what ``of`` gives for each settled round, the oldest first."""
    found: dict[int, list[int]] = {}
    for number in known.settled:
        for model, value in of(number).items():
            found.setdefault(model, []).append(value)
    return found


def _means(known: Known, name: str) -> dict[int, int]:
    """At 10^-9; ``points`` or a score."""

    def of(number: int) -> dict[int, int]:
        if name == "points":
            return _points(known, number)
        return {m: s[name] for m, s in committed(known, number).items() if name in s}

    return {model: sum(v) // len(v) for model, v in _values(known, of).items()}


def _places(values: dict[int, int]) -> dict[int, int]:
    return {m: 1 + sum(other > v for other in values.values()) for m, v in values.items()}


def _models(known: Known) -> range:
    return range(known.history.world.reader.models())


def _grown(known: Known, model: int) -> tuple[Fraction, int] | None:
    """What rounds made of a stake, as a rate, and in U; None for one that no round had."""
    size, gained, met = Fraction(1), 0, False
    for number in known.settled:
        stake, change = moved(known, number, model)
        if stake:
            met, gained = True, gained + change
            size *= Fraction(stake + change, stake)
    return (size - 1, gained) if met else None


def _ranked(known: Known) -> list[int]:
    """Models with points or stake, in order."""
    points = _means(known, "points")
    found = [m for m in _models(known) if m in points or known.stake(m)]
    return sorted(found, key=lambda m: (m not in points, -points.get(m, 0), -known.stake(m), m))


def _name(known: Known, model: int) -> str:
    history = known.history
    names = {history.alpha: "alpha", history.beta: "beta", history.gamma: "gamma"}
    return names.get(model, f"model-{model}")


def _rate(known: Known, model: int) -> float | None:
    grown = _grown(known, model)
    return None if grown is None else _floored(grown[0])


def _near_sharpe(known: Known, model: int, told: float | None) -> None:
    """Mean by deviation of a model's points, to four places: the server has them at 10^-6."""
    values = _values(known, lambda number: _points(known, number)).get(model, [])
    if len(set(values)) < 2:
        equal(told, None, "sharpe")
    elif told is None or abs(told - mean(values) / pstdev(values)) > _CLOSE:
        raise AssertionError(f"sharpe is {told}, not {mean(values) / pstdev(values)}")


def leaderboard(known: Known, found: Any) -> None:
    """Each tournament's has fields of its own; those that it has no score for are empty."""
    ranked = _ranked(known)
    equal([one["username"] for one in found], [_name(known, m) for m in ranked])
    equal([one["rank"] for one in found], list(range(1, len(ranked) + 1)))
    check = {8: _classic, 11: _signals, 12: _crypto}[known.tournament]
    for one, model in zip(found, ranked, strict=True):
        rest = {k: v for k, v in one.items() if k not in {"rank", "username", "sharpe"}}
        equal(rest, check(known, model), one["username"])
        if "sharpe" in one:
            _near_sharpe(known, model, one["sharpe"])


def _rep(known: Known, name: str, model: int) -> float | None:
    value = _means(known, name).get(model)
    return None if value is None else value / _ONE


def _returns(known: Known, model: int) -> dict[str, float | None]:
    rate = _rate(known, model)
    return dict.fromkeys(("return_1_day", "return_13_weeks", "return_52_weeks"), rate)


def _staked(known: Known, model: int) -> Decimal:
    return Decimal(known.stake(model)) / UNITS_PER_NMR


def _classic(known: Known, model: int) -> dict[str, Any]:
    corr = _rep(known, "corr", model)
    return {
        "nmrStaked": _staked(known, model),
        "team": False,
        "corr20Rep": corr,
        "corr20V2Rep": corr,
        "mmcRep": _rep(known, "mmc", model),
        "tcRep": _rep(known, "tc", model),
        **dict.fromkeys(("corj60Rep", "fncRep", "fncV3Rep", "bmcRep")),
        **_returns(known, model),
    }


def _crypto(known: Known, model: int) -> dict[str, Any]:
    return {
        "nmrStaked": _staked(known, model),
        "corrRep": _rep(known, "corr", model),
        "mmcRep": _rep(known, "mmc", model),
        **_returns(known, model),
    }


def _signals(known: Known, model: int) -> dict[str, Any]:
    newest = _values(known, lambda number: _points(known, number)).get(model)
    return {
        "prevRank": None,  # all rounds are of one day
        "nmrStaked": known.stake(model) / UNITS_PER_NMR,
        "today": newest[-1] / _ONE if newest else None,
        **dict.fromkeys(("mmc", "mmcRank", "icRank", "icRep", "tcRep", "tcRank")),
    }


# ---------------------------------------------------------------------- accounts


def accounts(known: Known, found: Any) -> None:
    """Over an account's models, weighted by stake."""
    owners: dict[str, list[int]] = {}
    for model in _models(known):
        owners.setdefault(known.history.world.owner(model).address, []).append(model)
    ranked = set(_ranked(known))
    stakes = {who: sum(map(known.stake, models)) for who, models in owners.items()}
    there = [who for who, models in owners.items() if ranked & set(models)]
    ordered = sorted(there, key=lambda who: (-stakes[who], who))
    expected = []
    for rank, who in enumerate(ordered, 1):
        models = owners[who]
        rate, gained = _account_growth(known, models)
        expected.append(
            {
                "displayName": who,
                "username": who,
                "rank": rank,
                "nmrStaked": Decimal(stakes[who]) / UNITS_PER_NMR,
                "v2Corr20": _account_mean(known, "corr", models),
                "mmc": _account_mean(known, "mmc", models),
                **dict.fromkeys(("cort20", "corJ60", "corrV4", "fncV4", "icV2", "ric")),
                **dict.fromkeys(("return1y", "return3m", "returnAllTime"), rate),
                **dict.fromkeys(("return1yNmr", "return3mNmr", "returnAllTimeNmr"), gained),
            }
        )
    equal(found, expected)


def _weighted(pairs: list[tuple[int, int]]) -> float | None:
    """The mean of values at 10^-9 by their stakes; where there are none, the plain one."""
    if not pairs:
        return None
    total = sum(stake for stake, _ in pairs)
    if not total:
        return sum(value for _, value in pairs) // len(pairs) / _ONE
    return sum(stake * value for stake, value in pairs) // total / _ONE


def _account_mean(known: Known, name: str, models: list[int]) -> float | None:
    means = _means(known, name)
    return _weighted([(known.stake(m), means[m]) for m in models if m in means])


def _account_growth(known: Known, models: list[int]) -> tuple[float | None, Decimal | None]:
    grown = {m: found for m in models if (found := _grown(known, m)) is not None}
    if not grown:
        return None, None
    rates = [(known.stake(m), floor(rate * _ONE)) for m, (rate, _) in grown.items()]
    gained = sum(units for _, units in grown.values())
    return _weighted(rates), Decimal(gained) / UNITS_PER_NMR


# ---------------------------------------------------------------------- days


def _day_of(known: Known) -> int:
    """Midnight of the day on which the rounds' scores were due; all of them are played within
    one, or the day that the first is of is looked at."""
    first = known.history.world.announced(known.settled[0]).closes + HORIZON
    return first - first % _DAY


def standings(known: Known, found: Any) -> None:
    """A model's reputations and places, day by day."""
    days: dict[int, list[int]] = {}
    for number in known.settled:
        due = known.history.world.announced(number).closes + HORIZON
        days.setdefault(due - due % _DAY, []).append(number)
    equal([one["date"] for one in found], [moment(day) for day in sorted(days, reverse=True)])
    alpha, newest = known.history.alpha, found[0]
    have = {name for name in ("corr", "mmc", "tc", "alpha", "mpc") if _means(known, name)}
    for field, value in newest.items():
        kind = "Rep" if field.endswith("Rep") else "Rank"
        name = field.removesuffix(kind).lower()
        if field == "date":
            continue
        if name not in have:
            equal(value, None, field)
        elif kind == "Rep":
            equal(value, _means(known, name)[alpha] / _ONE, field)
        else:
            equal(value, _places(_means(known, name))[alpha], field)


def date_of_scores(known: Known) -> str:
    return f"{moment(_day_of(known)):%Y-%m-%d}"


def pipeline(known: Known, found: Any) -> None:
    """Clients of the third tournament are told of the second, if both are served."""
    other = next((one for one in known.others if one.tournament == 11), known)
    of = other if known.tournament == 12 else known
    numbers = [n for n in of.settled if _due(of, n) - _day_of(known) in range(_DAY)]
    is_waited_for = _due(of, of.history.open) - _day_of(known) in range(_DAY)
    commits = of.history.world.reader.oracle.events.Committed().get_logs(from_block=0)
    times = {
        log["args"]["round"]: of.history.world.reader.web3.eth.get_block(log["blockNumber"])
        for log in commits
    }
    over = [settled_at(of, number) or 0 for number in numbers]
    committed_at = max(int(times[number]["timestamp"]) for number in numbers)
    equal(
        found,
        {
            "dataReadyAt": None if is_waited_for else moment(committed_at),
            "isScoringDay": True,
            "resolvedAt": None if is_waited_for else moment(max(over)),
            "scoredAt": None if is_waited_for else moment(committed_at + TIMING.window),
            "startedAt": moment(min(_due(of, number) for number in numbers)),
            "tournament": "classic" if known.tournament == 8 else "signals",
        },
    )


def _due(known: Known, number: int) -> int:
    return known.history.world.announced(number).closes + HORIZON
