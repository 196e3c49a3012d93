"""The 256-bit words of docs/formats.md, sections 2 and 3: lanes, queue records and scores.

All functions are exact and total on their stated domain; a value outside it raises ``ValueError``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oracle.settlement.units import (
    AMOUNT_BITS,
    LANES_PER_WORD,
    MAX_AMOUNT,
    MAX_LEVEL,
    MAX_MODELS,
    MAX_SCORE,
    PUBLISHED_PER_PACKED,
    SCORE_BITS,
)

_LANE_BITS = 64
_LANE_MASK = (1 << _LANE_BITS) - 1
_MODE_BIT = 1 << 63
_SCORE_MASK = (1 << SCORE_BITS) - 1
_LEVEL_SHIFT = 3 * SCORE_BITS
_MODE_SHIFT = 2 * AMOUNT_BITS
_NEXT_SHIFT = _MODE_SHIFT + 2
_RECORD_MASK = (1 << (_NEXT_SHIFT + 21)) - 1


@dataclass(frozen=True, slots=True)
class Lane:
    """One model's stake in U and whether its gains leave the stake (take-profit)."""

    stake: int = 0
    take_profit: bool = False


@dataclass(frozen=True, slots=True)
class ScoreLane:
    """Three scores at 10^-6 and a hardening level 0..15, as the pool reads them."""

    scores: tuple[int, int, int] = (0, 0, 0)
    level: int = 0


@dataclass(frozen=True, slots=True)
class QueueRecord:
    """What a model asked for in a round: amounts in U, a mode (0, 1, 2), the next model."""

    deposit: int = 0
    release: int = 0
    mode: int = 0
    next_model: int | None = None


def _within(value: int, highest: int, what: str) -> int:
    if not 0 <= value <= highest:
        raise ValueError(f"{what} {value} is outside 0..{highest}")
    return value


def split_word(word: int) -> tuple[int, int, int, int]:
    """The four 64-bit lanes of a word, model order."""
    _within(word, (1 << 256) - 1, "word")
    return (
        word & _LANE_MASK,
        (word >> 64) & _LANE_MASK,
        (word >> 128) & _LANE_MASK,
        word >> 192,
    )


def join_word(lanes: Sequence[int]) -> int:
    """A word from up to four 64-bit lanes."""
    word = 0
    _within(len(lanes), LANES_PER_WORD, "number of lanes")
    for position, lane in enumerate(lanes):
        word |= _within(lane, _LANE_MASK, "lane") << (_LANE_BITS * position)
    return word


def encode_lane(lane: Lane) -> int:
    return _within(lane.stake, MAX_AMOUNT, "stake") | (_MODE_BIT if lane.take_profit else 0)


def decode_lane(bits: int) -> Lane:
    _within(bits, _LANE_MASK, "lane")
    return Lane(bits & MAX_AMOUNT, bool(bits & _MODE_BIT))


def encode_record(record: QueueRecord) -> int:
    next_field = (
        0
        if record.next_model is None
        else _within(record.next_model, MAX_MODELS - 1, "next model") + 1
    )
    return (
        _within(record.deposit, MAX_AMOUNT, "deposit")
        | _within(record.release, MAX_AMOUNT, "release") << AMOUNT_BITS
        | _within(record.mode, 2, "mode") << _MODE_SHIFT
        | next_field << _NEXT_SHIFT
    )


def decode_record(word: int) -> QueueRecord:
    _within(word, _RECORD_MASK, "queue record")
    next_field = word >> _NEXT_SHIFT
    return QueueRecord(
        deposit=word & MAX_AMOUNT,
        release=(word >> AMOUNT_BITS) & MAX_AMOUNT,
        mode=(word >> _MODE_SHIFT) & 3,
        next_model=next_field - 1 if next_field else None,
    )


def encode_score_lane(lane: ScoreLane) -> int:
    """Two's complement fields, so that a lane without scores is zero."""
    bits = _within(lane.level, MAX_LEVEL, "hardening level") << _LEVEL_SHIFT
    for position, score in enumerate(lane.scores):
        if abs(score) > MAX_SCORE:
            raise ValueError(
                f"score {score} is outside -{MAX_SCORE}..{MAX_SCORE}; saturate it first"
            )
        bits |= (score & _SCORE_MASK) << (SCORE_BITS * position)
    return bits


def decode_score_lane(bits: int) -> ScoreLane:
    """Inverse of :func:`encode_score_lane`; -2^19, which no encoder writes, decodes as itself."""
    _within(bits, _LANE_MASK, "lane")
    fields = ((bits >> (SCORE_BITS * i)) & _SCORE_MASK for i in range(3))
    first, second, third = (f - (f >> (SCORE_BITS - 1) << SCORE_BITS) for f in fields)
    return ScoreLane((first, second, third), bits >> _LEVEL_SHIFT)


def pack_score(published: int) -> tuple[int, bool]:
    """A score at 10^-9 as a score on chain at 10^-6, and whether it saturated.

    Rounds half to even, then saturates to +-524287.
    """
    quotient, rest = divmod(published, PUBLISHED_PER_PACKED)
    doubled = 2 * rest
    if doubled > PUBLISHED_PER_PACKED or (doubled == PUBLISHED_PER_PACKED and quotient & 1):
        quotient += 1
    packed = max(-MAX_SCORE, min(MAX_SCORE, quotient))
    return packed, packed != quotient


def score_words(lanes: Mapping[int, ScoreLane], words: int) -> list[int]:
    """The round's ``words`` score words from {model: lane}; models left out are zero lanes."""
    packed = [0] * words
    for model, lane in lanes.items():
        index, position = divmod(model, LANES_PER_WORD)
        if not 0 <= index < words:
            raise ValueError(f"model {model} lies outside the round's {words} words")
        packed[index] |= encode_score_lane(lane) << (_LANE_BITS * position)
    return packed
