"""What a submission looks like: counted, and compared with the model's last one."""

import hashlib
import json

import numpy as np
import pytest
from synthetic_round import IDS, csv

from oracle.evaluation.describe import Sent, describe
from oracle.scoring.limits import SCALE
from oracle.settlement.manifest import canonical
from oracle.settlement.typed_data import Submission
from oracle.tournaments import classic
from oracle.tournaments.submissions import parse_submission

N = len(IDS)
RISING = np.arange(N) * (SCALE // N)


def sent(values, ids=tuple(IDS), number: int = 7) -> Sent:
    raw = csv(values, ids)
    key = Submission(number, 3, hashlib.sha256(raw).digest(), 1)
    return Sent(key, parse_submission(raw, ids, classic.RULES), ids)


def previous(now: Sent, last: Sent) -> dict[str, object]:
    found: dict[str, object] = json.loads(describe(now, 9, last))["previous"]
    return found


def test_describe__first_submission__its_counts_in_canonical_json():
    raw = describe(sent(RISING), 9, None)
    found = json.loads(raw)
    assert raw == canonical(found)
    assert (found["rows"], found["distinct_values"], found["received"]) == (N, N, 9)
    assert (found["format"], found["ignored_ids"], found["previous"]) == ("csv", 0, None)


def test_describe__reversed__churn_of_two_and_turnover_of_one():
    found = previous(sent(RISING[::-1].copy()), sent(RISING))
    assert found == {
        "round": 7,
        "sequence": 1,
        "churn": 2 * SCALE,
        "turnover": SCALE,
        "reason": "",
    }


def test_describe__same_order_other_distances__turnover_alone():
    found = previous(sent(RISING**2 // SCALE), sent(RISING))
    assert found["churn"] == 0
    assert 0 < found["turnover"] < SCALE


def test_describe__two_rows_exchanged__turnover_by_hand():
    """Weights are centred and sum to 1 in absolute value; half the changes is one distance."""
    values = RISING.copy()
    values[[0, -1]] = values[[-1, 0]]
    distance = (RISING[-1] - RISING[0]) / np.abs(RISING - RISING.mean()).sum()
    found = previous(sent(values), sent(RISING))
    assert found["turnover"] == pytest.approx(distance * SCALE, abs=1)


def test_describe__ids_of_another_round__not_comparable_and_why():
    other = tuple(f"m{n:015x}" for n in range(N))
    found = previous(sent(RISING, number=8), sent(RISING, other))
    assert (found["churn"], found["turnover"]) == (None, None)
    assert found["reason"] == "too_few_common_ids"
