"""A model's place in a round's committed result, and the hashes that lead from it to the commit.

What an operator set signed is the link of the first batch (docs/formats.md, section 4). A path
holds one batch whole, of those before it their starts and the hashes of their words, and the link
that follows it: enough to see that the model's score word is what was committed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eth_abi import encode
from eth_utils import keccak

from oracle.settlement.batches import Batch, followers
from oracle.settlement.units import LANES_PER_WORD
from oracle.settlement.words import ScoreLane, decode_score_lane, split_word

NO_WORD: Final = 0
"""The word of models that no batch names: they were not scored."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A batch before the one that is shown: where it starts, and the hash of its words."""

    start: int
    words_hash: bytes


@dataclass(frozen=True, slots=True)
class BatchPath:
    """``batch``, the link that ``following`` it was committed, and the batches before it, the
    nearest first."""

    batch: Batch
    following: bytes
    earlier: tuple[Earlier, ...]

    def head(self) -> bytes:
        """The link of the first batch that follows from all this: ``chain_head`` of the commit."""
        found = _link(self.following, self.batch.start, words_hash(self.batch))
        for one in self.earlier:
            found = _link(found, one.start, one.words_hash)
        return found

    def word(self, index: int) -> int:
        """The score word at ``index``, which the batch holds."""
        return self.batch.words[index - self.batch.start]


@dataclass(frozen=True, slots=True)
class SettledModel:
    """A model's score word. ``path`` is None where no batch names the word: it is zero."""

    model: int
    index: int
    position: int
    word: int
    path: BatchPath | None

    @property
    def lane(self) -> ScoreLane:
        """Scores and hardening level as the pool reads them."""
        return decode_score_lane(split_word(self.word)[self.position])


def settled_model(batches: Sequence[Batch], model: int) -> SettledModel:
    """What the batches of a round, all of them, say of a model."""
    index, position = divmod(model, LANES_PER_WORD)
    links = followers(batches)
    for place, batch in enumerate(batches):
        if batch.start <= index < batch.start + len(batch.words):
            before = tuple(Earlier(b.start, words_hash(b)) for b in reversed(batches[:place]))
            path = BatchPath(batch, links[place], before)
            return SettledModel(model, index, position, path.word(index), path)
    return SettledModel(model, index, position, NO_WORD, None)


def words_hash(batch: Batch) -> bytes:
    """keccak256(abi.encode(words)), as a link holds it."""
    return keccak(encode(["uint256[]"], [batch.words]))


def _link(following: bytes, start: int, hashed: bytes) -> bytes:
    return keccak(following + start.to_bytes(32, "big") + hashed)
