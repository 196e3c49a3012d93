"""What methods about scores and payouts must return, from folders and pool."""

from decimal import Decimal
from typing import Any

from cases import Known, batches_of, equal, moment, settled_at
from server_world import HORIZON

from oracle.settlement.units import UNITS_PER_NMR

_SCORES = {8: ("corr", "mmc", "tc"), 11: ("alpha", "mpc"), 12: ("corr", "mmc")}
"""What models of each tournament are told; folders may have more."""


def committed(known: Known, number: int) -> dict[int, dict[str, int]]:
    """A round's scores at 10^-9 by model, from the folder."""
    text = known.history.world.results[number].files["outputs/scores.csv"].decode().splitlines()
    names = text[0].split(",")
    rows = [dict(zip(names, map(int, line.split(",")), strict=True)) for line in text[1:]]
    return {row["model"]: {name: row[name] for name in _SCORES[known.tournament]} for row in rows}


def _mine(known: Known, number: int) -> dict[str, int]:
    return committed(known, number)[known.history.alpha]


def moved(known: Known, number: int, model: int) -> tuple[int, int]:
    """A model's stake before the round was settled, and by how much that changed it, in U."""
    [block] = {log["blockNumber"] for log in batches_of(known, number)}
    reader = known.history.world.reader
    before, after = (reader.pool_at(b).lanes.get(model) for b in (block - 1, block))
    stake = before.stake if before else 0
    return stake, (after.stake if after else 0) - stake


def _moved(known: Known, number: int) -> tuple[int, int]:
    return moved(known, number, known.history.alpha)


def scores(known: Known, found: Any) -> None:
    """Percentiles are held against ranks in the server's own tests."""
    expected = []
    for number in reversed(known.settled):
        announced = known.history.world.announced(number)
        due, over = announced.closes + HORIZON, settled_at(known, number)
        for name, value in _mine(known, number).items():
            expected.append(
                {
                    "roundId": f"{known.tournament}-{number}",
                    "submissionId": known.sent.get(number),
                    "roundNumber": number,
                    "roundResolveTime": moment(over or due),
                    "roundScoreTime": moment(due),
                    "roundCloseStakingTime": moment(announced.closes),
                    "value": value / 10**9,
                    "displayName": name,
                    "version": "2",
                    "date": moment(due),
                    "day": 1,
                    "resolveDate": moment(over or due),
                    "resolved": True,
                }
            )
    equal([{k: v for k, v in one.items() if k != "percentile"} for one in found], expected)


def performances(known: Known, found: Any) -> None:
    equal([one["roundNumber"] for one in found], list(reversed(known.settled)))
    for one in found:
        number = one["roundNumber"]
        stake, change = _moved(known, number)
        rows = one.get("submissionScores") or one["intraRoundSubmissionScores"]
        values = {row["displayName"]: row["value"] for row in rows}
        mine = _mine(known, number)
        equal(values, {name: value / 10**9 for name, value in mine.items()}, "values")
        paid = sum((row["payoutSettled"] or Decimal(0) for row in rows), Decimal(0))
        equal(paid, Decimal(change) / UNITS_PER_NMR, "payoutSettled")
        equal({row["payoutPending"] for row in rows}, {None}, "payoutPending")
        if "atRisk" in one:
            equal(one["atRisk"], Decimal(stake) / UNITS_PER_NMR, "atRisk")
            equal((one["roundPayoutFactor"], one["roundResolved"]), (1.0, True))


def payouts(known: Known, found: Any) -> None:
    expected = []
    for number in reversed(known.settled):
        announced = known.history.world.announced(number)
        change = Decimal(_moved(known, number)[1]) / UNITS_PER_NMR
        over = settled_at(known, number)
        expected.append(
            {
                "roundId": f"{known.tournament}-{number}",
                "roundNumber": number,
                "roundResolveTime": moment(over or announced.closes + HORIZON),
                "modelId": known.uuid,
                "modelName": "alpha",
                "modelDisplayName": "alpha",
                "payoutNmr": change,
                "payoutValue": change,
                "currencySymbol": "NMR",
            }
        )
    equal(found, {"actual": expected, "pending": []})
