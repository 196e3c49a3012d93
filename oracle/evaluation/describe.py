"""What a submission looks like to its owner: size, form, and how far it is from the last one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle.scoring.churn import Signal, churn, turnover
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE
from oracle.settlement.manifest import canonical, hex32
from oracle.settlement.typed_data import Submission as Key
from oracle.tournaments.submissions import Submission

SCHEMA = "assay/diagnostics/1"
_MOST_IGNORED = 10


@dataclass(frozen=True, slots=True)
class Sent:
    """A submission with the universe it was made for."""

    key: Key
    parsed: Submission
    universe: Sequence[str]

    def signal(self) -> Signal:
        ids = np.array([self.universe[p] for p in self.parsed.positions.tolist()])
        return Signal(ids, self.parsed.values / SCALE)

    def weights(self) -> Signal:
        """Its predictions as a portfolio: centred, absolute weights that sum to 1."""
        plain = self.signal()
        centred = plain.values - plain.values.mean()
        return Signal(plain.ids, centred / np.abs(centred).sum())


def describe(sent: Sent, received: int, previous: Sent | None) -> bytes:
    """Canonical JSON of ``SCHEMA`` (docs/submissions.md); churn and turnover at 10^-9."""
    ignored = sent.parsed.ignored_ids
    return canonical(
        {
            "schema": SCHEMA,
            "round": sent.key.round,
            "model": sent.key.model,
            "sha256": hex32(sent.key.sha256),
            "sequence": sent.key.sequence,
            "received": received,
            "format": sent.parsed.format,
            "rows": len(sent.parsed.values),
            "distinct_values": len(np.unique(sent.parsed.values)),
            "ignored_ids": len(ignored),
            "first_ignored_ids": list(ignored[:_MOST_IGNORED]),
            "previous": None if previous is None else _compared(sent, previous),
        }
    )


def _compared(sent: Sent, previous: Sent) -> dict[str, Any]:
    found: dict[str, Any] = {
        "round": previous.key.round,
        "sequence": previous.key.sequence,
        "churn": None,
        "turnover": None,
        "reason": "",
    }
    try:
        found["churn"] = round(churn(sent.signal(), previous.signal()) * SCALE)
        found["turnover"] = round(turnover(sent.weights(), previous.weights()) * SCALE)
    except ScoringError as error:
        found["reason"] = error.code
    return found
