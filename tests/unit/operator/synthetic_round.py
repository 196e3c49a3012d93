"""A small round without a chain: fifty ids, a dozen models, every kind of submission."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from oracle.operator.evaluate import Entry, RoundInputs
from oracle.scoring.limits import SCALE
from oracle.settlement.manifest import CloseBlock
from oracle.settlement.payout import Template
from oracle.settlement.reference import Stakes
from oracle.settlement.typed_data import SPEC_HASH, Announcement
from oracle.settlement.units import MILLIONTH, RATE_ONE, UNITS_PER_NMR
from oracle.tournaments.decimals import decimal_text
from oracle.tournaments.universe import targets_bytes, universe_bytes

ROWS = 50
MODELS = 14
POOL = "0x" + "aA" * 20
ORACLE = "0x" + "bB" * 20
IDS = [f"n{i:015x}" for i in range(ROWS)]
TEMPLATE = Template((1, 2, 3), (750_000, 2_250_000, 0), RATE_ONE // 20, RATE_ONE // 20, 10**15, 0)
ANNOUNCEMENT = Announcement(
    pool=POOL,
    tournament=8,
    round=7,
    opens=1_800_000_000,
    closes=1_800_003_600,
    horizon=2_592_000,
    phi=MILLIONTH,
    series_hash=bytes(32),
    spec_hash=SPEC_HASH,
    epoch=1,
    template=TEMPLATE,
)
CLOSE = CloseBlock(number=99, hash="0x" + "33" * 32, timestamp=1_800_003_599)

_random = np.random.default_rng(7)
TARGET = _random.choice([0, SCALE // 4, SCALE // 2, SCALE * 3 // 4, SCALE], ROWS)


def csv(values: Sequence[int] | np.ndarray, ids: Sequence[str] = tuple(IDS)) -> bytes:
    """A submission of predictions at 10^-9."""
    rows = (f"{name},{decimal_text(int(v))}" for name, v in zip(ids, values, strict=True))
    return ("id,prediction\n" + "\n".join(rows) + "\n").encode()


def predictions(model: int, version: int = 0) -> np.ndarray:
    """Noise with a little of the target in it; the same for the same arguments."""
    noise = np.random.default_rng((model, version)).integers(0, SCALE, ROWS)
    return (noise * 9 + TARGET * (model % 3)) // (9 + model % 3)


def entry(
    model: int,
    raw: bytes | None = None,
    *,
    sequence: int = 1,
    on_time: bool = True,
    version: int = 0,
) -> Entry:
    raw = csv(predictions(model, version)) if raw is None else raw
    signature = hashlib.sha256(b"%d.%d" % (model, sequence)).digest() * 2 + b"\x1b"
    return Entry(model, hashlib.sha256(raw).digest(), sequence, on_time, signature, raw)


INVALID = csv([SCALE // 2] * ROWS)
LATE, SUPERSEDING, MENDED, ONLY_INVALID, COPYCAT = 3, 5, 6, 8, 9

ENTRIES = [
    *(entry(model) for model in (0, 1, 2, 4, 7, 10, 11)),
    entry(LATE, on_time=False),
    entry(SUPERSEDING, sequence=1),
    entry(SUPERSEDING, sequence=3, version=1),
    entry(SUPERSEDING, sequence=2, version=2),
    entry(SUPERSEDING, sequence=9, version=3, on_time=False),
    entry(MENDED, sequence=1),
    entry(MENDED, INVALID, sequence=2),
    entry(ONLY_INVALID, INVALID),
    entry(COPYCAT, csv(predictions(1))),
]
STAKES = Stakes(
    models=MODELS,
    stakes={m: (m + 1) * UNITS_PER_NMR for m in range(MODELS) if m != 2},
    take_profit=frozenset({0, 10, 13}),
)


def inputs(**changes: object) -> RoundInputs:
    """The round; ``changes`` replace fields of its inputs."""
    base = RoundInputs(
        chain_id=731371,
        oracle=ORACLE,
        announcement=ANNOUNCEMENT,
        close_block=CLOSE,
        stakes=STAKES,
        universe=universe_bytes(IDS),
        targets=targets_bytes(IDS, TARGET),
        entries=ENTRIES,
    )
    return replace(base, **changes)
