"""From a round's inputs to everything that is signed: the same code for sign and verify.

Operators run it before they sign, anyone runs it afterwards to check them.
"""

from collections.abc import Callable, Mapping

from oracle.evaluation.assembly import Evaluation, Scored, assemble
from oracle.evaluation.inputs import Entry, EvaluationError, RoundInputs
from oracle.evaluation.score_sets import score_set
from oracle.evaluation.scorer import Scorer, Work
from oracle.evaluation.scoring import Counted, scoring_of
from oracle.evaluation.selection import select, within
from oracle.settlement.manifest import TARGETS, listed
from oracle.settlement.specs import SPECS, Spec, spec_of
from oracle.settlement.typed_data import Domain
from oracle.tournaments import by_number
from oracle.tournaments.round_files import read_targets, read_universe

__all__ = ["Entry", "Evaluation", "EvaluationError", "RoundInputs", "Scorer", "evaluate"]

Read = Callable[[bytes], bytes]
"""A submission's bytes by their SHA-256."""


def evaluate(inputs: RoundInputs, read: Read, *, scorer: Scorer | None = None) -> Evaluation:
    """Scores the round and builds everything that is published and signed.

    ``read`` gives the plain bytes of a submission by its SHA-256; it is called from this process
    only, once for each file that decides anything. How the round is evaluated is fixed by the
    specification that it was announced with. Raises ``EvaluationError`` and what ``read`` raises.
    """
    spec = announced_spec(inputs)
    return _evaluated(inputs, spec, read, scorer or Scorer())


def announced_spec(inputs: RoundInputs) -> Spec:
    """The specification to evaluate by. Raises ``EvaluationError`` for one that is not known."""
    hashed = inputs.announcement.spec_hash
    spec = spec_of(hashed)
    if spec is None:
        raise EvaluationError(
            f"round {inputs.announcement.round} was announced with specification "
            f"0x{hashed.hex()}, which this release does not know; it knows {', '.join(SPECS)}"
        )
    return spec


def _evaluated(inputs: RoundInputs, spec: Spec, read: Read, scorer: Scorer) -> Evaluation:
    tournament = inputs.announcement.tournament
    scored_by = scoring_of(score_set(spec, tournament))
    rules = by_number(tournament)
    universe = read_universe(inputs.universe, rules)
    target = read_targets(inputs.targets, universe, rules)
    owners = inputs.lower_owners()
    stakes = inputs.stakes.stakes
    with scorer.work(len(owners), len(universe.ids)) as work:
        selection = within(
            select(
                inputs.entries,
                owners,
                signed_by_owners(inputs, owners, work),
                lambda entries: work.examine(entries, read, universe, rules),
            ),
            stakes,
        )
        accepted = [entry for entry, _ in selection.accepted]
        counted = Counted(
            numbers=[number for _, number in selection.accepted],
            stakes=[stakes.get(entry.model, 0) if entry.on_time else 0 for entry in accepted],
            accounts=[owners[entry.model] for entry in accepted],
        )
        # The close block's hash is not known while stakes and predictions can change.
        found = scored_by(work, counted, target, int(inputs.close_block.hash, 16))
    hardened = inputs.announcement.template.kappa > 0
    scored = Scored(
        accepted=accepted,
        rejected=selection.rejected,
        rows=found.rows if hardened else [{**row, "level": 0} for row in found.rows],
        meta=list(zip(universe.ids, found.meta, strict=True)) if found.meta else [],
        statuses=found.statuses,
    )
    return assemble(inputs, spec, scored, listed(TARGETS, inputs.targets))


def signed_by_owners(inputs: RoundInputs, owners: Mapping[int, str], work: Work) -> set[Entry]:
    """The entries that the model's owner at the close block signed."""
    announced = inputs.announcement
    known = [entry for entry in inputs.entries if entry.model in owners]
    signers = work.signed(known, announced.round, Domain(inputs.chain_id, announced.pool))
    return {e for e, who in zip(known, signers, strict=True) if who == owners[e.model]}
