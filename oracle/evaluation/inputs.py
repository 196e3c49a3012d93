"""What a round's result depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oracle.settlement.manifest import CloseBlock
from oracle.settlement.reference import Stakes
from oracle.settlement.typed_data import Announcement


class EvaluationError(ValueError):
    """The round cannot be evaluated from these inputs; the text says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission with its owner's signature, without its bytes, of which there are ``size``.

    ``on_time`` as the operators' receipts say.
    """

    model: int
    sha256: bytes
    sequence: int
    on_time: bool
    signature: bytes
    size: int


@dataclass(frozen=True, slots=True)
class RoundInputs:
    """All a round's result depends on, but for the submissions' bytes. ``owners`` are those at the
    close block, of all models with an entry that were registered then."""

    chain_id: int
    oracle: str
    announcement: Announcement
    close_block: CloseBlock
    stakes: Stakes
    owners: Mapping[int, str]
    universe: bytes
    targets: bytes
    entries: Sequence[Entry]

    def lower_owners(self) -> dict[int, str]:
        """Owner, in lower case, of each registered model with an entry, in order of the models.

        Raises ``EvaluationError`` where one is not given.
        """
        models = sorted({e.model for e in self.entries if e.model < self.stakes.models})
        unknown = [model for model in models if model not in self.owners]
        if unknown:
            raise EvaluationError(f"the owner of model {unknown[0]} is not given")
        return {model: self.owners[model].lower() for model in models}
