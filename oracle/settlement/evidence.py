"""What speaks against a round's result, as canonical JSON whose SHA-256 a challenge names on chain.

Four kinds. `omitted`: a submission with enough receipts that the round does not list. `late`: one
listed as late although enough receipts are from before the close. `wrong`: a file of the round that
its own inputs do not lead to. `equivocation`: one operator's signatures over two results.

``check`` decides whether a piece of evidence shows what it says. The first, the second and the last
kind prove it by signatures alone; `wrong` is a claim until somebody has evaluated the round anew.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from oracle.settlement.manifest import Manifest, ManifestError, canonical, hex32, parse_canonical
from oracle.settlement.receipts import SignedReceipt, counted, on_time
from oracle.settlement.submitters import submitter
from oracle.settlement.typed_data import Domain, Submission, digest, recover
from oracle.settlement.wire import (
    AttestationMessage,
    SubmissionMessage,
    receipt_of,
    submission_message,
    unhex,
)

MAX_BYTES = 2**16
"""Size of the largest evidence; the longest real one, with 16 receipts, is a tenth of it."""

MANIFEST_PATH = "manifest.json"
LISTING_PATH = "inputs/submissions.json"
_PATH = r"^(manifest\.json|(inputs|outputs)(/[a-z0-9_]+)*/[a-z0-9_]+(\.[a-z]+)?)$"
_HASH = r"^0x[0-9a-f]{64}$"


class EvidenceError(ValueError):
    """The bytes are no evidence, or it does not show what it says; the text says why."""


class _Evidence(BaseModel):
    """Fields of every kind: which round of which pool on which chain."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    format: Literal["assay/evidence/1"] = Field(default="assay/evidence/1", alias="schema")
    chain_id: int = Field(ge=1, lt=2**53)
    pool: str = Field(pattern=r"^0x[0-9a-f]{40}$")
    round: int = Field(ge=1, lt=2**32)

    def to_bytes(self) -> bytes:
        """Canonical JSON: one content has one hash."""
        return canonical(self.model_dump(by_alias=True))

    def digest(self) -> bytes:
        """SHA-256 of the bytes: the ``evidence`` of a challenge."""
        return hashlib.sha256(self.to_bytes()).digest()


class _OfSubmission(_Evidence):
    submission: SubmissionMessage

    def key(self) -> Submission:
        return self.submission.key()

    def receipts(self) -> list[SignedReceipt]:
        """As they came, nothing checked; see ``good_receipts``."""
        return [receipt.stored(self.key()) for receipt in self.submission.receipts]


class Omitted(_OfSubmission):
    """A submission that the round lists neither as accepted nor as rejected."""

    kind: Literal["omitted"] = "omitted"


class Late(_OfSubmission):
    """A submission that the round lists as late."""

    kind: Literal["late"] = "late"


class Wrong(_Evidence):
    """A file of the committed round that is not what the round's inputs and the chain lead to.

    ``manifest`` is the committed one's digest; ``published`` and ``recomputed`` are the file's
    SHA-256, empty where there should be, or is, no such file.
    """

    kind: Literal["wrong"] = "wrong"
    manifest: str = Field(pattern=_HASH)
    path: str = Field(pattern=_PATH, max_length=200)
    published: str = Field(pattern=r"^(0x[0-9a-f]{64})?$")
    recomputed: str = Field(pattern=r"^(0x[0-9a-f]{64})?$")
    difference: str = Field(max_length=1000)


class Equivocation(_Evidence):
    """Two Commits of one round that one operator signed."""

    kind: Literal["equivocation"] = "equivocation"
    first: AttestationMessage
    second: AttestationMessage


Evidence = Omitted | Late | Wrong | Equivocation
_ANY: TypeAdapter[Evidence] = TypeAdapter(Annotated[Evidence, Field(discriminator="kind")])


def parse(raw: bytes) -> Evidence:
    """Evidence from its canonical bytes; raises ``EvidenceError`` for anything else."""
    if len(raw) > MAX_BYTES:
        raise EvidenceError(f"evidence is larger than {MAX_BYTES} bytes")
    try:
        value = parse_canonical(raw, "evidence")
        found = _ANY.validate_python(value)
    except ManifestError as error:
        raise EvidenceError(str(error)) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise EvidenceError(f"evidence: {where}{first['msg']}") from None
    if found.to_bytes() != raw:  # a field left out has its default: a second spelling
        raise EvidenceError("evidence: schema and kind must be given")
    return found


def submission_evidence(
    kind: type[Omitted] | type[Late],
    domain: Domain,
    key: Submission,
    signature: bytes,
    receipts: Iterable[SignedReceipt],
) -> Omitted | Late:
    """Evidence about a submission; ``domain`` is the pool's. Receipts are put in order."""
    ordered = sorted(receipts, key=lambda r: (r.operator.lower(), r.received, r.signature))
    return kind(
        chain_id=domain.chain_id,
        pool=domain.contract.lower(),
        round=key.round,
        submission=submission_message(key, signature, ordered),
    )


# ---------------------------------------------------------------------- what it is held against


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """What the chain says of a round. Times in seconds; ``due`` is the end of its horizon.

    ``members`` are its operators, ``receipts_needed`` is how many receipts make a submission count,
    ``manifest`` the digest in force, None without a commit.
    """

    chain_id: int
    pool: str
    oracle: str
    round: int
    opens: int
    closes: int
    due: int
    members: Collection[str]
    receipts_needed: int
    manifest: bytes | None

    @property
    def pool_domain(self) -> Domain:
        return Domain(self.chain_id, self.pool)

    @property
    def oracle_domain(self) -> Domain:
        return Domain(self.chain_id, self.oracle)


class _Listed(BaseModel):
    """What counts here of an entry of ``inputs/submissions.json``."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore", strict=True)

    model: int
    sha256: str = Field(pattern=_HASH)
    sequence: int
    on_time: bool


class _Listing(BaseModel):
    accepted: list[_Listed]
    rejected: list[_Listed]


@dataclass(frozen=True, slots=True)
class Published:
    """What a round says: of each listed submission, by (model, sha256, sequence), whether it was on
    time, accepted or rejected; the SHA-256 of its files by path; its manifest's digest."""

    manifest: bytes
    submissions: Mapping[tuple[int, bytes, int], bool]
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, manifest: Manifest, listing: bytes) -> Self:
        """From the manifest and its ``inputs/submissions.json``; raises ``EvidenceError``."""
        files = {file.path: unhex(file.sha256) for file in manifest.files}
        if files.get(LISTING_PATH) != hashlib.sha256(listing).digest():
            raise EvidenceError(f"{LISTING_PATH} differs from its SHA-256 in the manifest")
        try:
            found = _Listing.model_validate(parse_canonical(listing, LISTING_PATH))
        except (ManifestError, ValidationError) as error:
            raise EvidenceError(f"{LISTING_PATH} is malformed: {error}") from None
        submissions = {
            (one.model, unhex(one.sha256), one.sequence): one.on_time
            for one in (*found.accepted, *found.rejected)
        }
        return cls(manifest.digest(), submissions, files)


def check(evidence: Evidence, facts: ChainFacts, published: Published | None = None) -> str:
    """A sentence about what the evidence shows; raises ``EvidenceError`` if it does not.

    Without ``published`` only signatures and belonging are checked, not what the round lists.
    """
    _require(evidence.chain_id == facts.chain_id, "the evidence is about another chain")
    _require(evidence.pool == facts.pool.lower(), "the evidence is about another pool")
    _require(evidence.round == facts.round, "the evidence is about another round")
    if published is not None:
        _require(
            published.manifest == facts.manifest, "the round's folder is not the committed one"
        )
    if isinstance(evidence, Omitted):
        return _check_omitted(evidence, facts, published)
    if isinstance(evidence, Late):
        return _check_late(evidence, facts, published)
    if isinstance(evidence, Wrong):
        return _check_wrong(evidence, facts, published)
    return _check_equivocation(evidence, facts)


def good_receipts(message: SubmissionMessage, facts: ChainFacts) -> list[SignedReceipt]:
    """The receipts that operators of the round really signed while it took submissions."""
    known = {member.lower() for member in facts.members}
    key, good = message.key(), []
    for receipt in message.receipts:
        who = recover(
            receipt_of(key, receipt.received), facts.pool_domain, unhex(receipt.signature)
        )
        if who is None or who.lower() != receipt.operator.lower() or who.lower() not in known:
            continue
        if facts.opens <= receipt.received < facts.due:
            good.append(SignedReceipt(key, who, receipt.received, unhex(receipt.signature)))
    return good


def _checked(evidence: _OfSubmission, facts: ChainFacts) -> list[SignedReceipt]:
    """Good receipts of a submission that somebody signed, for this round."""
    key = evidence.key()
    _require(key.round == facts.round, "the submission is for another round")
    signer = submitter(key, facts.pool_domain, unhex(evidence.submission.signature))
    _require(signer is not None, "nobody's signature is on the submission")
    return good_receipts(evidence.submission, facts)


def _check_omitted(evidence: Omitted, facts: ChainFacts, published: Published | None) -> str:
    good, needed = _checked(evidence, facts), facts.receipts_needed
    who = len({receipt.operator for receipt in good})
    _require(
        bool(counted(good, needed)),
        f"{who} operators signed a receipt for it, {needed} make it count",
    )
    if published is not None:
        _require(_place(evidence.key()) not in published.submissions, "the round lists it")
    when = "before the close" if on_time(good, facts.closes, needed) else "after the close"
    return (
        f"model {evidence.submission.model}: {who} operators signed receipts, {when} by the count "
        "that is needed, and the round does not list it"
    )


def _check_late(evidence: Late, facts: ChainFacts, published: Published | None) -> str:
    good, needed = _checked(evidence, facts), facts.receipts_needed
    early = {receipt.operator for receipt in good if receipt.received < facts.closes}
    _require(
        bool(on_time(good, facts.closes, needed)),
        f"{len(early)} operators signed a receipt before the close, {needed} make it on time",
    )
    if published is not None:
        listed = published.submissions.get(_place(evidence.key()))
        _require(listed is not None, "the round does not list it: the evidence is of kind omitted")
        _require(listed is False, "the round lists it as on time")
    return (
        f"model {evidence.submission.model}: {len(early)} operators signed receipts before the "
        "close, and the round lists it as late"
    )


def _check_wrong(evidence: Wrong, facts: ChainFacts, published: Published | None) -> str:
    _require(facts.manifest is not None, "the round has no commit")
    _require(evidence.manifest == hex32(facts.manifest or b""), "it is about another commit")
    _require(evidence.published != evidence.recomputed, "it shows no difference")
    if published is not None:
        listed = published.files.get(evidence.path)
        if evidence.path == MANIFEST_PATH:
            listed = published.manifest
        shown = "" if listed is None else hex32(listed)
        _require(evidence.published == shown, f"the round's {evidence.path} is another file")
    return f"it claims that {evidence.path} is wrong: {evidence.difference}"


def _check_equivocation(evidence: Equivocation, facts: ChainFacts) -> str:
    signers = set()
    digests = set()
    for shown in (evidence.first.attestation(), evidence.second.attestation()):
        commit = shown.commit
        _require(
            (commit.round, commit.pool.lower()) == (facts.round, facts.pool.lower()),
            "a signature is for another round or pool",
        )
        signer = recover(commit, facts.oracle_domain, shown.signature)
        # First of all: what nobody can have signed has no digest either.
        _require(signer is not None, "nobody's signature is on one of the results")
        signers.add(signer)
        digests.add(digest(commit, facts.oracle_domain))
    _require(len(digests) == 2, "both signatures are over one result")
    first, second = evidence.first, evidence.second
    same = (first.epoch, first.announce_hash) == (second.epoch, second.announce_hash)
    _require(same, "the results are of two announcements")
    _require(len(signers) == 1, "two operators signed")
    [who] = signers
    known = {member.lower() for member in facts.members}
    _require(who is not None and who.lower() in known, "no operator of the round signed")
    return f"{who} signed two results of round {facts.round}"


def _place(key: Submission) -> tuple[int, bytes, int]:
    return (key.model, key.sha256, key.sequence)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise EvidenceError(otherwise)
