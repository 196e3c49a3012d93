"""From a round's inputs to everything that is signed: the same code for sign and verify.

Operators run it before they sign, anyone runs it afterwards to check them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from oracle.evaluation.assembly import Evaluation, Scored, assemble
from oracle.evaluation.inputs import Entry, EvaluationError, RoundInputs
from oracle.evaluation.scorer import Scorer, Work
from oracle.evaluation.selection import select, within
from oracle.scoring.portfolio import plain_problem
from oracle.scoring.round import RoundScores
from oracle.settlement.manifest import TARGETS, listed
from oracle.settlement.specs import SPECS, Spec, spec_of
from oracle.settlement.typed_data import Domain
from oracle.tournaments import by_number
from oracle.tournaments.rules import SubmissionRules
from oracle.tournaments.universe import parse_targets, parse_universe

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
    return _EVALUATIONS[spec.name](inputs, spec, read, scorer or Scorer())


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


def tournament_rules(inputs: RoundInputs) -> SubmissionRules:
    """Raises ``EvaluationError`` for a tournament that cannot be scored."""
    rules = by_number(inputs.announcement.tournament)
    if not rules.need_all_ids:
        # Models would predict different rows, and scores compare row with row.
        raise EvaluationError(
            f"this release cannot score tournament {rules.number} ({rules.name}), "
            "whose submissions may leave ids out"
        )
    return rules


def _evaluate_1(inputs: RoundInputs, spec: Spec, read: Read, scorer: Scorer) -> Evaluation:
    """By specification ``assay/scoring/1``, whoever gets to see the predictions."""
    universe = parse_universe(inputs.universe)
    target = parse_targets(inputs.targets, universe)
    rules = tournament_rules(inputs)
    owners = inputs.lower_owners()
    stakes = inputs.stakes.stakes
    with scorer.work(len(owners), len(universe)) as work:
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
        scores = (
            work.score(
                [number for _, number in selection.accepted],
                target,
                [stakes.get(entry.model, 0) if entry.on_time else 0 for entry in accepted],
                [owners[entry.model] for entry in accepted],
                # The close block's hash is not known while stakes and predictions can change.
                plain_problem(len(universe), seed=int(inputs.close_block.hash, 16)),
            )
            if accepted
            else None
        )
    scored = Scored(
        accepted=accepted,
        rejected=selection.rejected,
        rows=_rows(scores, hardened=inputs.announcement.template.kappa > 0),
        meta=_meta(universe, scores),
        statuses=_statuses(scores),
    )
    return assemble(inputs, spec, scored, listed(TARGETS, inputs.targets))


def signed_by_owners(inputs: RoundInputs, owners: Mapping[int, str], work: Work) -> set[Entry]:
    """The entries that the model's owner at the close block signed."""
    announced = inputs.announcement
    known = [entry for entry in inputs.entries if entry.model in owners]
    signers = work.signed(known, announced.round, Domain(inputs.chain_id, announced.pool))
    return {e for e, who in zip(known, signers, strict=True) if who == owners[e.model]}


_EVALUATIONS: Final = dict.fromkeys(SPECS, _evaluate_1)
"""What every specification is evaluated by."""


def _rows(scores: RoundScores | None, hardened: bool) -> list[dict[str, int]]:
    """What is published of each model: levels are 0 unless ``hardened``."""
    if scores is None:
        return []
    return [
        {
            "corr": int(corr),
            "mmc": int(mmc),
            "tc": int(tc),
            "rho": int(rho),
            "level": int(level) if hardened else 0,
        }
        for corr, mmc, tc, rho, level in zip(
            scores.corr, scores.mmc, scores.tc, scores.rho, scores.levels, strict=True
        )
    ]


def _meta(universe: Sequence[str], scores: RoundScores | None) -> list[tuple[str, int]]:
    if scores is None or scores.meta_status != "ok":
        return []
    return [(i, int(v)) for i, v in zip(universe, scores.meta_values, strict=True)]


def _statuses(scores: RoundScores | None) -> dict[str, str]:
    """Whether there is a meta model and a True Contribution, or why not."""
    if scores is None:
        return {"meta_model": "no_submission", "tc": "no_submission"}
    return {"meta_model": scores.meta_status, "tc": scores.tc_status}
