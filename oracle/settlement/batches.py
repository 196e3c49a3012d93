"""Batches of score words and the chain of their hashes (docs/formats.md, section 4)."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from eth_abi import encode
from eth_utils import keccak

MAX_BATCH_WORDS = 1024
MAX_BATCH_WEIGHT = 14_000_000
WORD_WEIGHT = 10_000
TAKE_PROFIT_WORD_WEIGHT = 40_000
ZERO_WORD_WEIGHT = 400
ZERO_RUN = 64
END = bytes(32)


@dataclass(frozen=True, slots=True)
class Batch:
    """Score words ``words`` for the pool's words ``start``, ``start + 1``, ..."""

    start: int
    words: tuple[int, ...]


def _weight(word: int, takes_profit: bool) -> int:
    if word == 0:
        return ZERO_WORD_WEIGHT
    return TAKE_PROFIT_WORD_WEIGHT if takes_profit else WORD_WEIGHT


def cut(words: Sequence[int], take_profit_words: Set[int] = frozenset()) -> list[Batch]:
    """Batches that cover every non-zero word, in ascending order; at least one batch.

    ``take_profit_words`` are the indices of words with a take-profit lane: they cost more gas.
    """
    batches: list[Batch] = []
    start, weight, zeros = 0, 0, 0
    current: list[int] = []

    def close() -> None:
        kept = current[: len(current) - zeros]
        if kept:
            batches.append(Batch(start, tuple(kept)))

    for index, word in enumerate(words):
        cost = _weight(word, index in take_profit_words)
        full = len(current) == MAX_BATCH_WORDS or weight + cost > MAX_BATCH_WEIGHT
        if current and (full or (zeros >= ZERO_RUN and word)):
            close()
            current, weight, zeros = [], 0, 0
        if not current:
            if word == 0:
                continue
            start = index
        current.append(word)
        weight += cost
        zeros = zeros + 1 if word == 0 else 0
    close()
    return batches or [Batch(0, ())]


def link(batch: Batch, following: bytes) -> bytes:
    """Hash that admits ``batch`` and then the batch whose link is ``following``."""
    words_hash = keccak(encode(["uint256[]"], [batch.words]))
    return keccak(following + batch.start.to_bytes(32, "big") + words_hash)


def chain(batches: Sequence[Batch]) -> list[bytes]:
    """Links of all batches; the first is the round's ``chain_head``."""
    links: list[bytes] = []
    following = END
    for batch in reversed(batches):
        following = link(batch, following)
        links.append(following)
    return links[::-1]


def followers(batches: Sequence[Batch]) -> list[bytes]:
    """What each batch names as its successor: the next batch's link, the end for the last."""
    return [*chain(batches)[1:], END]
