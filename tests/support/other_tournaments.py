"""Topologies and data of tournaments 8, 11 and 12, each in the forms of its own."""

from dataclasses import dataclass

import numpy as np

from oracle.devnet.topology import Topology
from oracle.scoring.limits import SCALE
from oracle.scoring.signal_round import SignalTarget
from oracle.tournaments import by_number
from oracle.tournaments.decimals import decimal_text
from oracle.tournaments.signal_files import (
    COLUMNS,
    signal_targets_bytes,
    signal_universe_bytes,
)
from oracle.tournaments.universe import targets_bytes, universe_bytes

CLASSIC, SIGNALS, CRYPTO = 8, 11, 12
_FEWEST = 100
_NEUTRALIZERS = 5


def of_tournament(topology: Topology, number: int) -> Topology:
    """The topology with the tournament's number, paying on its two first scores."""
    kinds = (*by_number(number).scores[:2], "NONE")
    template = topology.tournament.template.model_copy(update={"kinds": kinds})
    changes = {"number": number, "template": template}
    return topology.model_copy(
        update={"tournament": topology.tournament.model_copy(update=changes)}
    )


@dataclass(frozen=True)
class ProviderFiles:
    """What a data provider publishes for a round of a tournament, and submissions for it."""

    tournament: int
    ids: tuple[str, ...]
    target: np.ndarray

    @property
    def universe(self) -> bytes:
        if self.tournament != SIGNALS:
            return universe_bytes(self.ids)
        return signal_universe_bytes([self._names(row) for row in range(len(self.ids))])

    def _names(self, row: int) -> tuple[str, ...]:
        """Every fourth row has no SEDOL."""
        name = self.ids[row]
        others = ("BBG" + name, name + " UW", name.lower(), "" if row % 4 == 3 else f"{row:07d}")
        return (name, *others)

    @property
    def targets(self) -> bytes:
        if self.tournament != SIGNALS:
            return targets_bytes(self.ids, self.target)
        dice = np.random.default_rng(int(self.target.sum()))
        rows = len(self.ids)
        basis = np.linalg.qr(dice.normal(size=(rows, _NEUTRALIZERS)))[0]
        weights = dice.integers(1, SCALE, rows)
        neutralizers = np.rint(basis * SCALE).astype(np.int64)
        return signal_targets_bytes(self.ids, SignalTarget(self.target, weights, neutralizers))

    def file(self, values: np.ndarray, seed: int) -> bytes:
        """A submission of these predictions at 10^-9; where the tournament allows it, ``seed``
        decides which ids are left out and, in Signals, which names are used."""
        rules = by_number(self.tournament)
        column = rules.id_columns[seed % len(rules.id_columns)]
        names = list(self.ids)
        if self.tournament == SIGNALS:
            place = COLUMNS.index(column)
            names = [self._names(row)[place] for row in range(len(self.ids))]
        rows = np.array([row for row, name in enumerate(names) if name])
        if not rules.need_all_ids:
            dice = np.random.default_rng(seed)
            rows = dice.permutation(rows)[: dice.integers(_FEWEST, len(rows) + 1)]
        lines = [f"{names[row]},{decimal_text(int(values[row]))}" for row in rows]
        if not rules.need_all_ids:
            lines.append("DELISTED,0.5")
        return "\n".join([f"{column},{rules.prediction_columns[0]}", *lines, ""]).encode()

    def predictions(self, skill: int) -> bytes:
        """A submission; the higher ``skill``, the more of the target is in it."""
        noise = np.random.default_rng(skill).integers(0, SCALE, len(self.ids))
        return self.file((noise * 9 + self.target * skill) // (9 + skill), skill)


def provider_files(tournament: int, number: int, rows: int = 160) -> ProviderFiles:
    """Those of a round, for a world of that tournament."""
    dice = np.random.default_rng(1_000 * tournament + number)
    ids = tuple(f"T{row:04d}" for row in range(rows))
    return ProviderFiles(tournament, ids, dice.permutation(rows) % 5 * (SCALE // 4))
