"""A small round without a chain: fifty ids, a dozen models, every kind of submission."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak

from oracle.evaluation.evaluate import Entry, Evaluation, RoundInputs
from oracle.scoring.limits import SCALE
from oracle.scoring.portfolio import PortfolioProblem
from oracle.scoring.round import RoundScores, score_round
from oracle.settlement.manifest import TARGETS, CloseBlock, submission_path
from oracle.settlement.payout import Template
from oracle.settlement.reference import Stakes
from oracle.settlement.typed_data import SPEC_HASH, Announcement, Domain, Submission, message
from oracle.settlement.units import MILLIONTH, RATE_ONE, UNITS_PER_NMR
from oracle.settlement.words import ScoreLane, decode_score_lane, split_word
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
DOMAIN = Domain(731371, POOL)
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


@cache
def account(model: int) -> LocalAccount:
    """Models 0 and 4 belong to one account, every other one to its own."""
    return Account.from_key(keccak(text=f"owner of {0 if model == 4 else model}"))


def owner(model: int) -> str:
    return account(model).address.lower()


RAW: dict[bytes, bytes] = {}
"""The bytes of every submission that ``entry`` made, by their SHA-256."""


def read(sha256: bytes) -> bytes:
    """A submission's bytes, as `evaluate` takes them."""
    return RAW[sha256]


def entry(
    model: int,
    raw: bytes | None = None,
    *,
    sequence: int = 1,
    on_time: bool = True,
    version: int = 0,
    by: LocalAccount | None = None,
) -> Entry:
    """A submission that the model's owner signed, or somebody else, ``by``."""
    raw = csv(predictions(model, version)) if raw is None else raw
    sha256 = hashlib.sha256(raw).digest()
    RAW[sha256] = raw
    said = message(Submission(ANNOUNCEMENT.round, model, sha256, sequence), DOMAIN)
    signature = bytes((by or account(model)).sign_message(said).signature)
    return Entry(model, sha256, sequence, on_time, signature, len(raw))


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
    entries = changes.get("entries", ENTRIES)
    base = RoundInputs(
        chain_id=731371,
        oracle=ORACLE,
        announcement=ANNOUNCEMENT,
        close_block=CLOSE,
        stakes=STAKES,
        owners={m: owner(m) for m in (*range(MODELS), *(e.model for e in entries))},
        universe=universe_bytes(IDS),
        targets=targets_bytes(IDS, TARGET),
        entries=ENTRIES,
    )
    return replace(base, **changes)


def private_files(given: RoundInputs) -> dict[str, bytes]:
    """Targets and submissions by their paths: what is sealed unless the round is open."""
    submissions = {submission_path(e.sha256): RAW[e.sha256] for e in given.entries}
    return {TARGETS: given.targets, **submissions}


def all_files(result: Evaluation, given: RoundInputs) -> dict[str, bytes]:
    """Every file of the round by its path, plain."""
    return {**result.files, **private_files(given)}


def csv_rows(result: Evaluation, path: str = "outputs/scores.csv") -> list[dict[str, str]]:
    """Rows of a published table by column."""
    header, *lines = result.files[path].decode().splitlines()
    return [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]


def score_lanes(result: Evaluation) -> dict[int, ScoreLane]:
    """Non-zero lanes of the batches by model."""
    return {
        4 * index + place: decode_score_lane(bits)
        for batch in result.batches
        for index, word in enumerate(batch.words, batch.start)
        for place, bits in enumerate(split_word(word))
        if bits
    }


def scored(
    models: Sequence[int], stakes: Sequence[int], portfolio: PortfolioProblem | None = None
) -> RoundScores:
    """The scoring room's own result for the models that count in the round."""
    values = {**{m: predictions(m) for m in models}, SUPERSEDING: predictions(SUPERSEDING, 1)}
    values[COPYCAT] = predictions(1)
    return score_round(
        np.stack([values[m] for m in models]),
        TARGET,
        stakes,
        accounts=list(map(owner, models)),
        portfolio=portfolio,
    )
