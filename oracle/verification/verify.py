"""A stranger's check of one round: its artefact folder and an RPC address, nothing else.

Each step either passes with a sentence about what it showed, or raises ``DifferenceError`` naming
the first thing that is not as published.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from oracle.chain.history import PoolHistory
from oracle.chain.reader import PoolReader
from oracle.errors import DifferenceError, InputError
from oracle.evaluation.evaluate import Evaluation, EvaluationError, stakes_json
from oracle.evaluation.recompute import recompute
from oracle.scoring.limits import SCALE
from oracle.settlement.manifest import Manifest, ManifestError
from oracle.settlement.reference import RoundTerms
from oracle.settlement.refusals import Refused
from oracle.settlement.typed_data import Announcement, Domain, digest, recover, struct_hash
from oracle.settlement.units import nmr
from oracle.settlement.wire import AttestationMessage, unhex
from oracle.store.artefacts import ArtefactError, check_files, read_manifest


@dataclass(frozen=True, slots=True)
class Step:
    """A passed check: its name and what it showed."""

    name: str
    shown: str


class Verification:
    """Runs the checks in order; each builds on what the ones before established."""

    def __init__(self, folder: Path, rpc: str, pool: str | None = None) -> None:
        """``pool`` is the StakePool that the round must belong to, where the caller knows it."""
        self._folder = folder
        self._rpc = rpc
        self._pool = pool
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
            try:
                yield Step(name, check())
            except (
                DifferenceError,
                ArtefactError,
                EvaluationError,
                ManifestError,
                Refused,
                ValidationError,
            ) as error:
                raise DifferenceError(f"{name}: {error}") from error

    # ------------------------------------------------------------------ artefacts alone

    def _files(self) -> str:
        if not self._folder.is_dir():
            raise InputError(
                f"{self._folder} is not a folder", "name the folder that holds manifest.json"
            )
        self._manifest = read_manifest(self._folder)
        self._contents = check_files(self._folder, self._manifest)
        size = sum(file.size for file in self._manifest.files)
        return f"{len(self._contents)} files, {size:,} bytes, each as the manifest says"

    def _scores(self) -> str:
        self._result = recompute(self._manifest, self._contents)
        if self._result.manifest != self._manifest:
            raise DifferenceError(f"manifest.json: {self._differing_field()} is not as recomputed")
        totals, saturated = self._manifest.totals, self._manifest.saturated
        unscored = self._contents["outputs/unscored.csv"].count(b"\n") - 1
        shown = f"{totals.accepted} models scored anew, every output byte the same"
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
            raise DifferenceError(f"the round belongs to pool {manifest.pool}, not {self._pool}")
        self._reader = PoolReader.open(self._rpc, manifest.pool, manifest.chain_id)
        if self._reader.addresses.oracle.lower() != manifest.oracle:
            raise DifferenceError(
                f"the pool's oracle is {self._reader.addresses.oracle}, not {manifest.oracle}"
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
                f"the chain's close block is {close.number} {close.hash}, "
                f"not {self._manifest.close_block.number} {self._manifest.close_block.hash}"
            )
        return f"block {close.number} {close.hash[:10]}.."

    def _stakes(self) -> str:
        manifest = self._manifest
        stakes = self._reader.stakes(manifest.round, manifest.close_block)
        published = json.loads(self._contents["inputs/stakes.json"])
        owners = self._reader.owners(manifest.close_block.number)
        models = [model for model in map(int, published["owners"]) if model < stakes.models]
        if stakes_json(stakes, {model: owners[model] for model in models}) != published:
            raise DifferenceError("inputs/stakes.json is not the pool's state at the close block")
        total = sum(stakes.stakes.values())
        return (
            f"{len(stakes.stakes)} stakes, {nmr(total)} NMR, {nmr(int(manifest.at_risk))} at risk"
        )

    def _submissions(self) -> str:
        """That accepted ones are their owners' was recomputed; the others had an owner's word
        when they were sent, which shows that no operator made them up."""
        listed = json.loads(self._contents["inputs/submissions.json"])
        return (
            f"{len(listed['accepted'])} submissions, each signed by its model's owner at the "
            f"close; {len(listed['rejected'])} rejected"
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
        domain = Domain(self._manifest.chain_id, self._reader.addresses.oracle)
        number = self._manifest.round
        signers, needed = set(self._reader.members(number)), self._reader.needed(number)
        own = digest(self._result.commit, domain)
        where = (self._manifest.round, self._manifest.pool)
        good: set[str] = set()
        dissent = 0
        for path in sorted((self._folder / "attest").glob("*.json")):
            shown = AttestationMessage.model_validate_json(path.read_bytes()).attestation()
            who = recover(shown.commit, domain, shown.signature)
            if who not in signers or not path.stem.startswith(str(who).lower()):
                raise DifferenceError(f"attest/{path.name} is not signed by that operator")
            if (shown.commit.round, shown.commit.pool.lower()) != where:
                raise DifferenceError(f"attest/{path.name} is for another round")
            if digest(shown.commit, domain) == own:
                good.add(str(who))
            else:
                dissent += 1
        if len(good) < needed:
            raise DifferenceError(f"{len(good)} operators signed, {needed} are needed")
        others = f"; {dissent} signed another result" if dissent else ""
        return f"{len(good)} of {len(signers)} operators signed, {needed} needed{others}"

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


def verify(folder: Path, rpc: str, pool: str | None = None) -> list[Step]:
    """All steps of a round's verification; raises an ``AssayError`` if one fails."""
    return list(Verification(folder, rpc, pool).steps())
