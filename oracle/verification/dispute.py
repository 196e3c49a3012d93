"""From a receipt that was not honoured to evidence and a challenge.

What operators signed when they took a submission is held against what they published. Only what the
chain and the committed manifest vouch for counts: a folder that is not the committed round's proves
nothing.
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from oracle.chain.facts import chain_facts
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.errors import AssayError, DifferenceError, InputError, RefusedError
from oracle.settlement.evidence import (
    LISTING_PATH,
    ChainFacts,
    Evidence,
    EvidenceError,
    Late,
    Omitted,
    Published,
    check,
    submission_evidence,
)
from oracle.settlement.rounds import Phase, phase
from oracle.settlement.submitters import submitter
from oracle.settlement.units import nmr
from oracle.settlement.wire import ReceiptsFile, unhex
from oracle.store.artefacts import ArtefactError, read_file, read_manifest
from oracle.verification.fetch import RoundKey, Source, Wanted, bring
from oracle.verification.web import Web

MAX_RECEIPTS_FILE = 2**20
SEND_SECONDS = 60.0
"""How long operators have to take evidence."""


@dataclass(frozen=True, slots=True)
class Case:
    """Evidence about a submission, and in words what it shows."""

    evidence: Omitted | Late
    shown: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a challenge would take now. ``bond`` and ``balance`` in U, times in seconds.

    ``deadline`` is when the round's result becomes final; ``super_quorum`` how many operators must
    answer, 0 where none can and a challenged round ends void. ``refused`` says why the contract
    would not take a challenge, empty if it would.
    """

    bond: int
    deadline: int
    now: int
    super_quorum: int
    refused: str


def read_receipts(path: Path) -> ReceiptsFile:
    """What `assay submit` saved; raises ``InputError``."""
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_RECEIPTS_FILE:
            raise InputError(f"{path} is too large for a file of receipts")
        return ReceiptsFile.model_validate_json(raw)
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}",
            "name what `assay submit` wrote beside the file: <file>.<round>-<model>.receipts.json",
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path}: {where}: {first['msg']}", "this is not what `assay submit` wrote"
        ) from None


def examine(
    receipts: ReceiptsFile, reader: PoolReader, sources: Iterable[Source], cache: Path
) -> Case:
    """The case that the receipts make; raises ``RefusedError`` where they make none."""
    where = reader.addresses
    if (receipts.chain_id, receipts.pool.lower()) != (where.chain_id, where.pool.lower()):
        raise InputError(
            f"the receipts are for pool {receipts.pool} on chain {receipts.chain_id}",
            "pass --rpc and --pool of that tournament",
        )
    number = receipts.submission.round
    facts = chain_facts(reader, number)
    if facts.manifest is None:
        raise RefusedError(
            f"round {number} has no commit yet: nothing is left out of it",
            f"see `assay round show {number}`, and come back once it says committed",
        )
    _require_owner(receipts, reader, facts)
    published = _published(facts, list(sources), cache)
    return judge(receipts, facts, published)


def judge(receipts: ReceiptsFile, facts: ChainFacts, published: Published) -> Case:
    """Whether the submission is left out, or called late though it was not.

    Raises ``RefusedError`` naming what is missing for either.
    """
    message, reasons = receipts.submission, []
    kinds: tuple[type[Omitted] | type[Late], ...] = (Omitted, Late)
    for kind in kinds:
        signed = [receipt.stored(message.key()) for receipt in message.receipts]
        evidence = submission_evidence(
            kind, facts.pool_domain, message.key(), unhex(message.signature), signed
        )
        try:
            return Case(evidence, check(evidence, facts, published))
        except EvidenceError as error:
            reasons.append(str(error))
    key = message.key()
    listed = published.submissions.get((key.model, key.sha256, key.sequence))
    if listed:
        raise RefusedError(
            f"round {facts.round} lists the submission as on time: there is nothing to dispute",
            "its score is in outputs/scores.csv of the round's artefacts",
        )
    raise RefusedError(
        f"the receipts show no fault: {reasons[0 if listed is None else 1]}",
        "a receipt counts if an operator of the round signed it while the round took submissions",
    )


def _require_owner(receipts: ReceiptsFile, reader: PoolReader, facts: ChainFacts) -> None:
    """A submission that the model's owner at the close did not sign would be rejected anyway."""
    message = receipts.submission
    signer = submitter(message.key(), facts.pool_domain, unhex(message.signature))
    close = reader.close_block(facts.closes)
    owner = reader.owner_of(message.model, close.number)
    if signer is None or owner is None or signer.lower() != owner.lower():
        raise RefusedError(
            f"the submission is not signed by who owned model {message.model} at the close",
            "it could not have counted; see `assay models show`",
        )


def _published(facts: ChainFacts, sources: list[Source], cache: Path) -> Published:
    key = RoundKey(facts.chain_id, facts.pool, facts.round)
    needed = (LISTING_PATH,)
    folder = bring(sources, key, Wanted(cache, manifest=facts.manifest, only=needed))
    try:
        return Published.of(read_manifest(folder), read_file(folder, LISTING_PATH))
    except (ArtefactError, EvidenceError) as error:
        raise DifferenceError(f"{folder}: {error}") from None


def terms(reader: PoolReader, number: int) -> Terms:
    """What the contract says of a challenge of the round, as of the newest block."""
    newest = reader.newest()
    facts = reader.facts(number, newest, reader.state(newest.number)["head"])
    stage = phase(facts, newest.timestamp)
    refused = ""
    if stage is Phase.CHALLENGED:
        refused = f"round {number} is challenged already, and can be only once"
    elif stage is not Phase.COMMITTED or reader.challenge_of(number):
        refused = f"round {number} is {stage.value}: its result cannot be challenged any more"
    return Terms(
        bond=reader.bond(),
        deadline=facts.final_at or 0,
        now=newest.timestamp,
        super_quorum=reader.super_quorum(number),
        refused=refused,
    )


def send(evidence: Evidence, operators: Iterable[str]) -> dict[str, str]:
    """Gives the evidence to each operator; by address why one did not take it, empty if it did.

    All at once, and for ``SEND_SECONDS`` at most: whoever is in the wrong must not hold up the
    challenge by how he answers.
    """
    urls = list(dict.fromkeys(operators))
    said: dict[str, str] = {}
    threads = [
        threading.Thread(
            target=lambda url=url: said.update({url: _sent(evidence, url)}), daemon=True
        )
        for url in urls
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + SEND_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return {url: said.get(url, "does not answer in time") for url in urls}


def _sent(evidence: Evidence, url: str) -> str:
    try:
        answer = Web(url).post(f"rounds/{evidence.round}/evidence", evidence.to_bytes())
    except AssayError as error:
        return error.message
    return "" if answer.is_success else _reason(answer.text, answer.status_code)


def _reason(text: str, status: int) -> str:
    return f"status {status}: {text[:300]}"


def require_affordable(reader: PoolReader, account: str, told: Terms, most: int | None) -> None:
    """Raises ``RefusedError`` where the challenge would not be taken or is not wanted."""
    if told.refused:
        raise RefusedError(told.refused, "see `assay round show`")
    if most is not None and told.bond > most:
        raise RefusedError(
            f"the bond is {nmr(told.bond)} NMR, more than --max-bond {nmr(most)}",
            "allow more, or leave the challenge to somebody else",
        )
    balance = reader.tokens_of(account)
    if balance < told.bond:
        raise RefusedError(
            f"the bond is {nmr(told.bond)} NMR, and {account} holds {nmr(balance)}",
            "move NMR to that account, or sign with another",
        )


def challenge(evidence: Evidence, writer: PoolWriter) -> str:
    """Puts up the bond; returns the transaction's hash."""
    receipt = writer.challenge(evidence.round, evidence.digest())
    return "0x" + bytes(receipt["transactionHash"]).hex()
