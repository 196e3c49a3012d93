"""Who takes part in the demo: trained models with stakes, and three that do something odd."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from oracle.demo.models import TrainedModel
from oracle.demo.submission_files import to_csv_bytes, to_parquet_bytes
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT

TWIN = "twin"
LATE = "late_riser"
INVALID = "broken_file"
_TAKE_PROFIT_EVERY = 5
_MANDATING_STAKER = 1
_PARQUET = b"PAR1"


@dataclass(slots=True)
class Player:
    """One model in the tournament. ``stake`` in U; ``model`` is its id once registered.

    Where ``by_mandate`` the server's relayer deposits, by the mandate that its owner signed.
    """

    name: str
    kind: str
    raw: bytes
    staker: int
    stake: int
    late: bool = False
    by_mandate: bool = False
    takes_profit: bool = False
    model: int = -1
    refusal: str = ""

    @property
    def filename(self) -> str:
        return f"{self.name}.{'parquet' if self.raw.startswith(_PARQUET) else 'csv'}"


def make_players(trained: Sequence[TrainedModel], stakers: int, seed: int) -> list[Player]:
    """Every trained model, a copy of the first, a late one and one with a broken file.

    Files alternate between CSV and Parquet; stakes are drawn between 5 and 400 NMR.
    """
    random_stakes = random.Random(seed)
    first, last = trained[0], trained[-1]
    files = [
        *(_file(model, position) for position, model in enumerate(trained)),
        (TWIN, f"same file as {first.name}", to_csv_bytes(first.predictions)),
        (LATE, "submits after the close", to_csv_bytes(trained[1].predictions)),
        (INVALID, "a prediction is missing", to_csv_bytes(last.predictions)[:-30]),
    ]
    return [
        Player(
            name=name,
            kind=kind,
            raw=raw,
            staker=position % stakers,
            stake=random_stakes.randrange(5, 401) * UNITS_PER_NMR,
            late=name == LATE,
            by_mandate=position % stakers == _MANDATING_STAKER,
            takes_profit=position % _TAKE_PROFIT_EVERY == 0,
        )
        for position, (name, kind, raw) in enumerate(files)
    ]


def wei_needed(players: Sequence[Player], fee: int) -> dict[int, int]:
    """What each staker needs for its models: stakes, and ``fee`` wei for each registration."""
    needs: dict[int, int] = {}
    for player in players:
        needs[player.staker] = needs.get(player.staker, 0) + player.stake * WEI_PER_UNIT + fee
    return needs


def _file(model: TrainedModel, position: int) -> tuple[str, str, bytes]:
    encode = to_parquet_bytes if position % 2 else to_csv_bytes
    return model.name, model.kind, encode(model.predictions)
