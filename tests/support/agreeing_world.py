"""Honest operators that agree on a round over their real servers and databases, beside liars who
hold operators' keys and say to each of them what they like. Only the chain's answers are given."""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from ingest_world import (
    CHAIN_ID,
    CLOSES,
    DUE,
    OPENS,
    ROUND,
    ChainStandIn,
    NoResults,
    signed,
)
from starlette.testclient import TestClient
from synthetic_round import ORACLE, account, csv, inputs, predictions

from oracle.chain.signing import LocalSigner
from oracle.evaluation.evaluate import Entry, RoundInputs
from oracle.operator.agreeing import Agreeing
from oracle.operator.attesting import Attesting
from oracle.operator.confirming import Confirming
from oracle.operator.context import Context
from oracle.operator.drafts import Drafts
from oracle.operator.evidence import EvidenceDesk
from oracle.operator.following import Following
from oracle.operator.ingest import Ingest
from oracle.operator.inputs import Inputs
from oracle.operator.intake import open_ingest
from oracle.operator.peers import Peer
from oracle.operator.server import build
from oracle.operator.sharing import Sharing
from oracle.operator.turns import Turns
from oracle.settlement.agreement import NIL, Step
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Commit, Domain, Submission, Vote, digest
from oracle.settlement.wire import (
    AttestationMessage,
    SubmissionMessage,
    VoteMessage,
    payload,
    receipt_of,
    submission_message,
    vote_message,
)
from oracle.store.artefacts import RoundFolder, write_file
from oracle.store.database import Database
from oracle.store.journal import COMMIT
from oracle.store.sealing import Identity, seal

ORACLE_DOMAIN = Domain(CHAIN_ID, ORACLE)
PATIENCE = 4.0


def keys(count: int) -> list[LocalAccount]:
    return [Account.from_key(bytes([0x40 + n]) * 32) for n in range(count)]


@dataclass
class Chain(ChainStandIn):
    """As the chain stand-in, with as many operators as are asked for."""

    who: Sequence[str] = ()
    committed: Callable[[int], Commit | None] = lambda number: None

    def operators(self) -> list[str]:
        return sorted(self.who)

    def members(self, number: int) -> list[str]:
        return sorted(self.who)

    def signers(self, number: int) -> list[str]:
        return sorted(self.who)

    def needed(self, number: int) -> int:
        return len(self.who) - (len(self.who) - 1) // 3

    def super_quorum(self, number: int) -> int:
        return 0


class GivenInputs(Inputs):
    """A round's inputs that are given, but for its submissions."""

    def of(
        self, number: int, entries: Sequence[Entry], targets: bytes | None = None
    ) -> RoundInputs:
        stand = self.context.data.targets(number)
        return replace(inputs(), entries=entries, targets=targets or stand)

    def closes(self, number: int) -> int:
        return CLOSES


class Results(NoResults):
    """What an honest operator shows while it agrees."""

    def __init__(self, agreeing: Agreeing, attesting: Attesting) -> None:
        super().__init__()
        self.agreeing, self.attesting = agreeing, attesting

    def votes(self, number: int, challenge: bytes) -> list[VoteMessage]:
        return self.agreeing.shown(number, challenge)

    def draft(self, number: int, hashed: bytes, page: int) -> bytes | None:
        return self.agreeing.page(number, hashed, page)

    def draft_targets(self, number: int, hashed: bytes) -> bytes | None:
        return self.agreeing.targets(number, hashed)

    def own_attestation(self, number: int) -> AttestationMessage | None:
        return self.attesting.own(number)


class ServedPeer(Peer):
    """Asks ``answer``, which is what a server says to whoever this belongs to."""

    def __init__(self, url: str, answer: Callable[[str], bytes | None]) -> None:
        super().__init__(url)
        self.answer = answer

    def get(self, path: str, limit: int) -> bytes | None:
        return self.answer(path)


@dataclass
class Honest:
    """An operator; ``restart`` loses all that is not on disk."""

    key: LocalAccount
    world: "AgreeingWorld"
    is_up: bool = True
    doom: str = ""
    peers: list[Peer] = field(default_factory=list)

    def __post_init__(self) -> None:
        folder = self.world.folder / self.key.address
        provider = folder / "provider" / str(ROUND)
        given = inputs()
        write_file(provider / "universe.csv", given.universe)
        write_file(provider / "targets.csv", given.targets)
        self.database = Database.open(folder / "database.sqlite")
        self.ingest: Ingest = open_ingest(
            self.world.chain,  # type: ignore[arg-type]
            self.database,
            folder / "provider",
            LocalSigner(self.key),
            Identity.new(),
            url=f"http://{self.key.address}",
        )
        self.ingest.journal.block(0)
        self.restart()

    def restart(self) -> None:
        self.doom = ""
        context = self.context = Context(
            reader=self.world.chain,  # type: ignore[arg-type]
            writer=None,
            journal=self.ingest.journal,
            data=self.ingest.data,
            signer=LocalSigner(self.key),
            ingest=self.ingest,
            peers=self.peers,
            artefacts=self.world.folder / self.key.address / "artefacts",
            turns=Turns(0.0, self.world.clock),
            identity=self.ingest.identity,
            patience=PATIENCE,
        )
        context.at = self.at
        self.drafts = Drafts(context, GivenInputs(context))
        self.agreeing = Agreeing(context, self.drafts)
        sharing = Sharing(context)
        self.attesting = Attesting(context, sharing, self.drafts, self.agreeing)
        confirming = Confirming(context, self.attesting, sharing, EvidenceDesk(context, sharing))
        self.following = Following(context, self.attesting, sharing, confirming)
        self.client = TestClient(build(self.ingest, Results(self.agreeing, self.attesting)))

    def at(self, place: str) -> None:
        if place == self.doom:
            raise KilledError(place)

    def answer(self, path: str) -> bytes | None:
        if not self.is_up:
            return None
        answer = self.client.get(path)
        return answer.content if answer.status_code == 200 else None

    def cycle(self) -> None:
        """What its daemon does for a round that is due."""
        if self.is_up and self.attesting.own(ROUND) is None:
            self.attesting.attest(ROUND)

    @property
    def signed(self) -> bytes | None:
        """Digest of the Commit that it shows its signature of."""
        own = self.attesting.own(ROUND)
        return own and digest(own.attestation().commit, ORACLE_DOMAIN)

    def take(self, raw: bytes, model: int, sequence: int = 1) -> Submission:
        """Accepts a file from the model's owner."""
        recipient = self.ingest.identity.recipient
        key = submission(raw, model, sequence)
        signature = signed(key, account(model))
        body = seal(payload(raw, ""), [recipient])
        self.ingest.accept(body, ROUND, model, sequence, signature)
        return key


class KilledError(BaseException):
    """The operator came to the place where it was to die."""


@dataclass
class Liar:
    """An operator's key, and what each honest one is told: its list of submissions, and votes."""

    key: LocalAccount
    lists: dict[str, list[SubmissionMessage]] = field(default_factory=dict)
    votes: dict[str, list[VoteMessage]] = field(default_factory=dict)

    def receipt(self, key: Submission, received: int = OPENS) -> SignedReceipt:
        signature = signed(receipt_of(key, received), self.key)
        return SignedReceipt(key, self.key.address, received, signature)

    def shows(self, to: Honest, key: Submission, *more: SignedReceipt) -> None:
        """Shows one honest operator a receipt that it may have held back."""
        receipts = sorted([self.receipt(key), *more], key=lambda receipt: receipt.operator)
        shown = submission_message(key, signed(key, account(key.model)), receipts)
        mine = self.lists.setdefault(to.key.address, [])
        mine.append(shown)
        mine.sort(key=lambda item: (item.model, item.sequence, item.sha256))

    def votes_for(self, to: Honest, value: bytes, view: int = 0, step: Step = Step.PREVOTE) -> None:
        vote = Vote(ROUND, NIL, view, step, value)
        message = vote_message(vote, signed(vote, self.key, ORACLE_DOMAIN))
        self.votes.setdefault(to.key.address, []).append(message)

    def answer(self, to: Honest, path: str) -> bytes | None:
        what = path.split("?")[0].rsplit("/", 1)[-1]
        if what == "submissions":
            shown: Sequence[Any] = self.lists.get(to.key.address, [])
        elif what == "votes":
            shown = self.votes.get(to.key.address, [])
        else:
            return None
        return b"[%b]" % b",".join(item.model_dump_json().encode() for item in shown)


class AgreeingWorld:
    """``count`` operators, as many of them liars as are borne, or fewer."""

    def __init__(self, folder: Path, count: int = 4, liars: int = 1) -> None:
        self.folder, self.now = folder, 0.0
        accounts = keys(count)
        owners = {model: account(model).address for model in range(14)}
        self.chain = Chain(now=OPENS, owners=owners, who=[one.address for one in accounts])
        self.liars = [Liar(key) for key in accounts[:liars]]
        self.honest = [Honest(key, self) for key in accounts[liars:]]
        for one in self.honest:
            for other in self.honest:
                if other is not one:
                    one.peers.append(ServedPeer(other.ingest.cards.own.url, other.answer))
            for liar in self.liars:
                one.peers.append(ServedPeer("http://liar", _to(liar, one)))
        for one in self.honest:
            one.ingest.cards.refresh(one.peers, self.chain)  # type: ignore[arg-type]

    def clock(self) -> float:
        return self.now

    def close(self) -> None:
        for one in self.honest:
            one.database.close()

    def play(
        self, dice: random.Random, cycles: int = 200, between: Callable[[], None] = int
    ) -> None:
        """Cycles in any order, with time passing, until all honest operators have signed."""
        for _ in range(cycles):
            if all(one.signed for one in self.honest if one.is_up):
                return
            one = dice.choice(self.honest)
            one.cycle()
            between()
            self.now += dice.random() * 2

    def due(self) -> None:
        """The round is to be scored."""
        self.chain.now = DUE


def _to(liar: Liar, one: Honest) -> Callable[[str], bytes | None]:
    return lambda path: liar.answer(one, path)


def submission(raw: bytes, model: int, sequence: int = 1) -> Submission:
    return Submission(ROUND, model, hashlib.sha256(raw).digest(), sequence)


def file_of(model: int, version: int = 0) -> bytes:
    """A valid submission."""
    return csv(predictions(model, version))


def one_result(world: AgreeingWorld) -> bytes:
    """What all honest operators have signed, and written down, and published."""
    signed = {one.signed for one in world.honest}
    assert len(signed) == 1
    (found,) = signed
    assert found is not None
    for one in world.honest:
        assert one.context.journal.signed_digest(ROUND, COMMIT) == found
        folder = RoundFolder(one.context.folder(ROUND), one.context.identity)
        folder.check()
        assert folder.unreadable == []
    return found


def voted(one: Honest) -> bytes:
    """What it prevotes in the first view."""
    while not (cast := one.context.ballots.own(ROUND, NIL)):
        one.world.now += 1.0
        one.cycle()
    return cast[0][0].value
