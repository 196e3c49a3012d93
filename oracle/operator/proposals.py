"""Results that are not signed yet, shown to the other operators.

An operator signs one result a round and no other, so it signs only what enough operators have come
to already. Until then a submission or a receipt that arrives late in an exchange changes what is
proposed, and costs nobody a signature.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from oracle.evaluation.evaluate import Evaluation, RoundInputs, evaluate
from oracle.settlement.typed_data import Domain, digest


@dataclass(frozen=True, slots=True)
class _Proposal:
    basis: bytes
    result: Evaluation


@dataclass
class Proposals:
    """The newest result by round; evaluated anew only if its inputs have changed."""

    domain: Domain
    _kept: dict[int, _Proposal] = field(default_factory=dict)

    def evaluated(self, inputs: RoundInputs, read: Callable[[bytes], bytes]) -> Evaluation:
        """The result of ``inputs``, kept as the round's proposal; ``read`` as `evaluate` has it."""
        number, basis = inputs.announcement.round, _basis(inputs)
        kept = self._kept.get(number)
        if kept is None or kept.basis != basis:
            kept = _Proposal(basis, evaluate(inputs, read))
            self._kept[number] = kept
        return kept.result

    def digest(self, number: int) -> bytes | None:
        """What would be signed for the round, or None before it was evaluated."""
        kept = self._kept.get(number)
        return None if kept is None else digest(kept.result.commit, self.domain)

    def forget(self, number: int) -> None:
        """A signed round needs no proposal."""
        self._kept.pop(number, None)

    def forget_before(self, number: int) -> None:
        self._kept = {n: kept for n, kept in self._kept.items() if n >= number}


def _basis(inputs: RoundInputs) -> bytes:
    """A fingerprint of all that can change between two evaluations of one round."""
    entries = sorted(
        (e.model, e.sequence, e.sha256, e.on_time, e.signature) for e in inputs.entries
    )
    owners = sorted(inputs.owners.items())
    parts = (inputs.close_block, inputs.stakes, owners, inputs.universe, inputs.targets, entries)
    return hashlib.sha256(repr(parts).encode()).digest()
