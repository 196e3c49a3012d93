"""Anyone's check of one round: its artefact folder and an RPC address.

Each step either passes with a sentence about what it showed, or raises ``DifferenceError`` naming
the first thing that is not as published. Whoever can open every submission and the targets scores
the round anew. Whoever cannot checks all that follows from the published scores, and each step says
what it could not check.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from oracle.chain.facts import chain_facts
from oracle.chain.history import PoolHistory
from oracle.chain.reader import PoolReader
from oracle.errors import AssayError, DifferenceError, EnvironmentLacksError, InputError
from oracle.evaluation.assembly import Evaluation, stakes_json
from oracle.evaluation.evaluate import EvaluationError, Scorer
from oracle.evaluation.published import inputs_of
from oracle.evaluation.recompute import derive, recompute
from oracle.evaluation.scorer import ProcessError
from oracle.scoring.limits import SCALE
from oracle.settlement.manifest import Manifest, ManifestError
from oracle.settlement.reference import RoundTerms
from oracle.settlement.reference_oracle import Outcome
from oracle.settlement.refusals import Refused
from oracle.settlement.round_receipts import RECEIPTS, parse_receipts
from oracle.settlement.specs import Disclosure
from oracle.settlement.typed_data import Announcement, Domain, struct_hash
from oracle.settlement.units import nmr
from oracle.settlement.wire import unhex
from oracle.store.artefacts import MANIFEST, ArtefactError, RoundFolder, read_file
from oracle.store.sealing import Identity
from oracle.verification.attested import check_attestations
from oracle.verification.on_time import check_receipts

_STAKES = "inputs/stakes.json"
_READERS = {
    None: "only operators can open them before the commit is final",
    Disclosure.VERIFIERS: "operators and registered verifiers can open them, with --identity",
    Disclosure.OWNER: "only operators can open them all, with --identity",
    Disclosure.OPEN: "the operators that are to open them have not done so yet",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A passed check: its name, what it showed, and what could not be checked, if anything."""

    name: str
    shown: str
    unchecked: str = ""


class Verification:
    """Runs the checks in order; each builds on what the ones before established.

    ``rpc`` is one endpoint or several. ``pool`` is the StakePool that the round must belong to,
    where the caller knows it; ``identity`` opens what is sealed to it.
    """

    def __init__(
        self,
        folder: Path,
        rpc: str,
        pool: str | None = None,
        identity: Identity | None = None,
        scorer: Scorer | None = None,
    ) -> None:
        self._folder = RoundFolder(folder, identity)
        self._rpc = rpc
        self._pool = pool
        self._scorer = scorer
        self._unchecked = ""
        self._manifest: Manifest
        self._reader: PoolReader
        self._result: Evaluation
        self._announced: Announcement

    def steps(self) -> Iterator[Step]:
        """Yields each step as it passes; raises ``DifferenceError`` at the first that does not."""
        checks: list[tuple[str, Callable[[], str]]] = [
            ("files", self._files),
            ("scores", self._scores),
            ("announcement", self._announcement),
            ("close block", self._close_block),
            ("stakes", self._stakes),
            ("submissions", self._submissions),
            ("commit", self._commit),
            ("signatures", self._signatures),
            ("settlement", self._settlement),
        ]
        for name, check in checks:
            self._unchecked = ""
            try:
                yield Step(name, check(), self._unchecked)
            except (DifferenceError, ArtefactError) as error:
                raise DifferenceError(
                    f"{name}: {error}{self._other_manifest(name)}", path=error.path
                ) from error
            except (EvaluationError, ManifestError, Refused, ValidationError) as error:
                raise DifferenceError(f"{name}: {error}{self._other_manifest(name)}") from error
            except ProcessError as error:
                raise EnvironmentLacksError(
                    f"{name}: {error}", "a round of this size needs about 1 GB of memory"
                ) from error

    def _other_manifest(self, name: str) -> str:
        """For the text of a difference: whether it may come from a manifest that nobody signed."""
        if name == "commit":
            return ""
        try:
            reader = self._open()
            committed = reader.committed(self._folder.manifest().round)
            if committed is None or committed.manifest == self._folder.manifest().digest():
                return ""
        except (AssayError, ArtefactError):
            return ""
        return f"; {MANIFEST} is not the committed one"

    def _open(self) -> PoolReader:
        manifest = self._folder.manifest()
        try:
            return PoolReader.open(self._rpc, manifest.pool, manifest.chain_id)
        except InputError as error:
            raise InputError(f"{MANIFEST}: {error.message}", error.fix) from error

    # ------------------------------------------------------------------ artefacts alone

    def _files(self) -> str:
        folder = self._folder
        if not folder.path.is_dir():
            raise InputError(
                f"{folder.path} is not a folder", "name the folder that holds manifest.json"
            )
        self._manifest = folder.manifest()
        folder.check()
        count, size = len(self._manifest.files), sum(file.size for file in self._manifest.files)
        if not folder.unreadable:
            return f"{count} files, {size:,} bytes, each as the manifest says"
        sealed = len(folder.unreadable)
        self._unchecked = f"what is in {sealed} sealed files; {_READERS[folder.disclosed()]}"
        return f"{count - sealed} files as the manifest says, {sealed} more sealed and undamaged"

    def _scores(self) -> str:
        """All from the predictions where they can be read, else what follows from the scores."""
        folder, manifest = self._folder, self._manifest
        if folder.unreadable:
            self._result = derive(manifest, folder.read)
            self._unchecked = "that scores and meta model follow from predictions and targets"
        else:
            self._result = recompute(manifest, folder.read, scorer=self._scorer)
        if self._result.manifest != manifest:
            raise DifferenceError(
                f"{MANIFEST}: {self._differing_field()} is not as recomputed", path=MANIFEST
            )
        return self._scores_shown()

    def _scores_shown(self) -> str:
        totals, saturated = self._manifest.totals, self._manifest.saturated
        unscored = self._result.files["outputs/unscored.csv"].count(b"\n") - 1
        shown = f"{totals.accepted} models scored anew, every output byte the same"
        if self._folder.unreadable:
            shown = (
                f"lanes, batches and totals follow from the published scores "
                f"of {totals.accepted} models"
            )
        if unscored:
            shown += f"; {unscored} with stake have no score that counts"
        if saturated:
            shown += "; cut off at the range: " + ", ".join(
                f"model {one.model} {one.score} {one.value / SCALE:+.6f}" for one in saturated
            )
        return shown

    def _differing_field(self) -> str:
        own = self._result.manifest.model_dump(by_alias=True)
        given = self._manifest.model_dump(by_alias=True)
        return next(name for name, value in own.items() if given[name] != value)

    # ------------------------------------------------------------------ against the chain

    def _announcement(self) -> str:
        manifest = self._manifest
        if self._pool is not None and self._pool.lower() != manifest.pool:
            raise DifferenceError(
                f"{MANIFEST}: the round belongs to pool {manifest.pool}, not {self._pool}",
                path=MANIFEST,
            )
        self._reader = self._open()
        if self._reader.addresses.oracle.lower() != manifest.oracle:
            raise DifferenceError(
                f"{MANIFEST}: the pool's oracle is {self._reader.addresses.oracle}, "
                f"not {manifest.oracle}",
                path=MANIFEST,
            )
        on_chain = self._reader.announced(manifest.round)
        if on_chain is None:
            raise DifferenceError(f"round {manifest.round} was never announced on this chain")
        if on_chain.hash() != unhex(manifest.announce_hash):
            raise DifferenceError("the round was announced with other parameters")
        self._announced = on_chain
        return (
            f"round {manifest.round} of tournament {manifest.tournament}, "
            f"pool {self._reader.addresses.pool} on chain {manifest.chain_id}"
        )

    def _close_block(self) -> str:
        close = self._reader.close_block(self._announced.closes)
        if close != self._manifest.close_block:
            raise DifferenceError(
                f"{MANIFEST}: the chain's close block is {close.number} {close.hash}, "
                f"not {self._manifest.close_block.number} {self._manifest.close_block.hash}",
                path=MANIFEST,
            )
        return f"block {close.number} {close.hash[:10]}.."

    def _stakes(self) -> str:
        manifest = self._manifest
        stakes = self._reader.stakes(manifest.round, manifest.close_block)
        published = json.loads(self._folder.read(_STAKES))
        owners = self._reader.owners(manifest.close_block.number)
        models = [model for model in map(int, published["owners"]) if model < stakes.models]
        if stakes_json(stakes, {model: owners[model] for model in models}) != published:
            raise DifferenceError(
                f"{_STAKES} is not the pool's state at the close block", path=_STAKES
            )
        total = sum(stakes.stakes.values())
        return (
            f"{len(stakes.stakes)} stakes, {nmr(total)} NMR, {nmr(int(manifest.at_risk))} at risk"
        )

    def _submissions(self) -> str:
        """That accepted ones are their owners' was recomputed. Receipts show which are on time, and
        that no operator made any of them up."""
        number, folder = self._manifest.round, self._folder
        entries = inputs_of(self._manifest, folder.read, b"").entries
        facts = chain_facts(self._reader, number)
        totals = self._manifest.totals
        signed = parse_receipts(read_file(folder.path, RECEIPTS))
        shown = check_receipts(signed, entries, facts)
        return (
            f"{totals.accepted} submissions, each signed by its model's owner at the close; "
            f"{totals.rejected} rejected; on time or late as {shown.receipts} receipts "
            f"of {shown.operators} operators say"
        )

    def _commit(self) -> str:
        committed = self._reader.committed(self._manifest.round)
        if committed is None:
            raise DifferenceError(f"round {self._manifest.round} has no commit on chain yet")
        own = self._result.commit
        for name in committed.fields:
            value, expected = _text(getattr(committed, name)), _text(getattr(own, name))
            if expected != value:
                raise DifferenceError(
                    f"the committed {name} is {value}, recomputed it is {expected}"
                )
        if self._reader.sealed(self._manifest.round) != struct_hash(own):
            raise DifferenceError("the contract has sealed another commit than its event shows")
        return f"manifest {_text(own.manifest)[:10]}.. and batch chain as committed"

    def _signatures(self) -> str:
        reader, number = self._reader, self._manifest.round
        domain = Domain(self._manifest.chain_id, reader.addresses.oracle)
        members, needed = reader.members(number), reader.needed(number)
        found = check_attestations(
            self._folder.path, self._result.commit, domain, reader.addresses.pool, members
        )
        count = len(found.operators)
        others = f"; {found.dissent} signed another result" if found.dissent else ""
        if count >= needed:
            return f"{count} of {len(members)} operators signed, {needed} needed{others}"
        # Operators that answer a challenge sign a Confirm, which the contract counts.
        challenge = reader.challenge_of(number)
        if challenge is None or challenge.outcome != Outcome.REPLACED:
            raise DifferenceError(f"{count} operators signed, {needed} are needed")
        return f"confirmed by the super-quorum in answer to a challenge{others}"

    def _settlement(self) -> str:
        manifest = self._manifest
        history = PoolHistory(self._reader)
        span = history.settled_span(manifest.round)
        if span is None:
            if self._reader.state()["head"] > manifest.round:
                return "ended without all of its scores, which were never settled in time"
            return "not settled yet; everything before the settlement is as published"
        terms = RoundTerms(
            template=self._announced.template,
            phi=self._announced.phi,
            at_risk=int(manifest.at_risk),
            words=manifest.batch_chain.words,
            chain_head=unhex(manifest.batch_chain.head),
        )
        replayed = history.replay(span, terms, self._result.batches)
        if replayed is None:
            return (
                "settled in a block with another round; its batches are signed, lanes not compared"
            )
        history.compare(replayed.pool, span)
        return (
            f"every lane as the reference model says: paid {nmr(replayed.gains)} NMR, "
            f"burned {nmr(replayed.burns)} NMR"
        )


def _text(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value).lower()


def verify(
    folder: Path, rpc: str, pool: str | None = None, identity: Identity | None = None
) -> list[Step]:
    """All steps of a round's verification; raises an ``AssayError`` if one fails."""
    return list(Verification(folder, rpc, pool, identity).steps())
