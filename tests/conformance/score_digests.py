"""SHA-256 of the scoring engine's integers, to compare across CPUs and NumPy versions.

Prints JSON; with ``--write`` replaces tests/golden/scores/digests.json. Needs only what the scoring
room imports, and the project on PYTHONPATH.
"""

import argparse
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import neutral_digests
import numpy as np

from oracle.scoring.corr import cwmm
from oracle.scoring.limits import SCALE
from oracle.scoring.meta_model import sum_stakes
from oracle.scoring.mmc import bmc
from oracle.scoring.pairwise import apcwnm, mcwnm
from oracle.scoring.portfolio import plain_problem
from oracle.scoring.ranks import doubled_ranks
from oracle.scoring.round import RoundScores, score_round
from oracle.scoring.tables import normal_table
from oracle.scoring.true_contribution import true_contribution

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "scores"
DIGESTS = GOLDEN / "digests.json"
TABLE_ROWS = (3, 20, 100, 5_000, 20_000)


def sha256(*arrays: np.ndarray) -> str:
    """Over the arrays' elements as little-endian int64, one after the other."""
    return hashlib.sha256(b"".join(array.astype("<i8").tobytes() for array in arrays)).hexdigest()


def digest(scores: RoundScores) -> str:
    return sha256(scores.corr, scores.mmc, scores.meta_values, scores.meta_ranks)


def hardening_digest(scores: RoundScores) -> str:
    return sha256(scores.rho, scores.levels)


def stream(seed: str, count: int) -> np.ndarray:
    """``count`` integers below 2**32 from SHAKE-256 of ``seed``, as int64."""
    data = hashlib.shake_256(seed.encode()).digest(4 * count)
    return np.frombuffer(data, "<u4").astype(np.int64)


def synthetic_round(models: int, rows: int) -> RoundScores:
    """A round of random predictions (every third one coarse, so tied) and a continuous target."""
    predictions = stream("predictions", models * rows).reshape(models, rows) % (SCALE + 1)
    predictions[::3] -= predictions[::3] % 10**7
    stakes = (stream("stakes", models) << 12).tolist()
    return score_round(predictions, stream("target", rows) % (SCALE + 1), stakes)


def copied_round(models: int, rows: int) -> RoundScores:
    """As `synthetic_round`, but the models share more and more of one signal, from none to all of
    it, and three neighbours belong to one account."""
    weights = np.arange(models)[:, None]
    noise = stream("predictions", models * rows).reshape(models, rows) % (SCALE + 1)
    signal = stream("signal", rows) % (SCALE + 1)
    predictions = (weights * signal + (models - 1 - weights) * noise) // (models - 1)
    predictions[::3] -= predictions[::3] % 10**7
    stakes = (stream("stakes", models) << 12).tolist()
    stakes[::5] = [0] * len(stakes[::5])
    accounts = [model // 3 for model in range(models)]
    target = stream("target", rows) % (SCALE + 1)
    return score_round(predictions, target, stakes, accounts=accounts)


def other_scores(models: int, rows: int) -> dict[str, str]:
    """CWMM, BMC, MCWNM and APCWNM of a random round."""
    predictions = stream("predictions", models * rows).reshape(models, rows) % (SCALE + 1)
    ranks = doubled_ranks(predictions)
    target = stream("target", rows) % (SCALE + 1)
    meta = sum_stakes(ranks, (stream("stakes", models) << 12).tolist())
    return {
        "cwmm": sha256(cwmm(ranks, meta.shape())),
        "bmc": sha256(bmc(ranks, ranks[0], target)),
        "mcwnm": sha256(mcwnm(ranks)),
        "apcwnm": sha256(apcwnm(ranks)),
    }


def contribution(models: int, rows: int, factors: int, sectors: int) -> str:
    """True Contribution with the default portfolio, or with one that is neutral to more."""
    predictions = stream("predictions", models * rows).reshape(models, rows) % (SCALE + 1)
    stakes = (stream("stakes", models) << 12).tolist()
    stakes[::7] = [0] * len(stakes[::7])
    problem = plain_problem(rows, seed=7, bags=20)
    if factors:
        exposures = stream("exposures", rows * factors).reshape(rows, factors) % SCALE - SCALE // 2
        sector = np.arange(rows) % sectors
        problem = replace(
            problem,
            exposures=exposures,
            factor_variances=np.full(factors, SCALE // 50),
            equalities=SCALE
            * np.column_stack([np.ones(rows, int), sector[:, None] == range(sectors)]),
        )
    returns = stream("returns", rows) % (SCALE // 5) - SCALE // 10
    found = true_contribution(doubled_ranks(predictions), stakes, returns, problem)
    return sha256(found.scores, found.plain)


def golden_cases() -> dict[str, dict[str, list]]:
    """The committed reference cases by name."""
    paths = sorted(path for path in GOLDEN.glob("*.json") if path != DIGESTS)
    return {path.stem: json.loads(path.read_text(encoding="ascii")) for path in paths}


def score_case(case: dict[str, list]) -> RoundScores:
    return score_round(np.array(case["predictions"]), np.array(case["target"]), case["stakes"])


def all_digests() -> dict[str, str]:
    found = {name: digest(score_case(case)) for name, case in golden_cases().items()}
    found |= {f"normal_table({rows})": sha256(*normal_table(rows)) for rows in TABLE_ROWS}
    found["synthetic_round(60, 5000)"] = digest(synthetic_round(60, 5_000))
    found["synthetic_round(8, 20000)"] = digest(synthetic_round(8, 20_000))
    cases = golden_cases().items()
    found |= {f"hardening({name})": hardening_digest(score_case(case)) for name, case in cases}
    found["hardening(copied_round(60, 5000))"] = hardening_digest(copied_round(60, 5_000))
    found |= {f"{name}(40, 1000)": value for name, value in other_scores(40, 1_000).items()}
    found["tc(60, 1000)"] = contribution(60, 1_000, 0, 0)
    found["tc(60, 1000, 8 factors, 6 sectors)"] = contribution(60, 1_000, 8, 6)
    found |= neutral_digests.all_digests()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace the committed digests")
    text = json.dumps(all_digests(), indent=1) + "\n"
    if parser.parse_args().write:
        DIGESTS.write_text(text, encoding="ascii", newline="\n")
    print(text, end="")


if __name__ == "__main__":
    main()
