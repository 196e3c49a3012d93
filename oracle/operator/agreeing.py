"""Voting with the other operators until one result is everybody's (oracle/settlement/agreement)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from oracle.chain.signing import sign
from oracle.errors import RefusedError
from oracle.operator.context import Context
from oracle.operator.drafts import Draft, Drafts
from oracle.operator.failpoints import Failpoint
from oracle.operator.peers import ask_all
from oracle.settlement.agreement import NIL, Cast, Decided, Elector, Matter, Step, Votes, Wait
from oracle.settlement.typed_data import Vote, recover
from oracle.settlement.wire import VoteMessage, vote_message

_MOVES_A_STEP = 8
_log = structlog.get_logger("agreeing")


@dataclass
class Agreeing:
    """This operator's part in what is agreed on."""

    context: Context
    drafts: Drafts
    _votes: dict[tuple[int, bytes], Votes] = field(default_factory=dict)
    _first: dict[tuple[int, bytes], Draft] = field(default_factory=dict)
    _forgotten: int = 0

    def matter(self, number: int, challenge: bytes, needed: int) -> Matter:
        """A round's result, or the answer to the challenge with this id."""
        return Matter(number, self.context.terms(number).members, needed, challenge)

    def decided(self, matter: Matter) -> Draft | None:
        """One step towards an agreement; what was agreed on, once it is and can be come to here."""
        votes = self._known(matter)
        self._hear(votes)
        for _ in range(_MOVES_A_STEP):
            move = self._elector(matter, votes).next_move(votes)
            if isinstance(move, Decided):
                return self._draft(votes, move.value)
            if move is None or self.context.signer is None:
                return None
            self._cast(votes, move)
        return None

    def _elector(self, matter: Matter, votes: Votes) -> Elector:
        def acceptable(value: bytes) -> bool:
            return self._is_acceptable(votes, value)

        def own() -> bytes | None:
            draft = self.drafts.newest(matter.round)
            is_result = matter.challenge == NIL
            self.context.at(Failpoint.EVALUATED if is_result else Failpoint.CONFIRM_EVALUATED)
            self._first.setdefault(_key(matter), draft)
            self.drafts.keep(draft)
            return draft.digest

        return Elector(self.context.address, own, acceptable, self._expired(matter))

    def _expired(self, matter: Matter) -> Callable[[int, Wait], bool]:
        def expired(view: int, wait: Wait) -> bool:
            """Longer in each later view, so that in one of them all honest operators are quick
            enough, however slow the network is."""
            waited = self.context.turns.waited(matter.round, (matter.challenge, view, wait))
            seconds = self.context.patience * (1 + view) / 4
            if wait is Wait.PROPOSAL:
                seconds = self.context.patience * view + 2 * self.drafts.seconds
            return waited >= seconds

        return expired

    # ------------------------------------------------------------------ votes

    def _known(self, matter: Matter) -> Votes:
        """All votes known, those kept before a restart among them."""
        key = _key(matter)
        if key not in self._votes:
            votes = Votes(matter)
            for vote, signature in self.context.ballots.own(matter.round, matter.challenge):
                votes.add(self.context.address, vote, signature)
            for operator, vote, signature in self.context.ballots.heard(*key):
                votes.add(operator, vote, signature)
            self._votes[key] = votes
        return self._votes[key]

    def _hear(self, votes: Votes) -> None:
        matter = votes.matter
        asked = ask_all(self.context.peers, lambda peer: peer.votes(matter.round, matter.challenge))
        known = set(votes)
        counted: list[tuple[str, Vote, bytes]] = []
        for peer, messages in asked:
            if not self._count(votes, messages or (), known, counted):
                _log.warning("a peer shows a vote that no operator cast", peer=peer.url)
        self.context.ballots.hear(counted)

    def _count(
        self,
        votes: Votes,
        messages: Iterable[VoteMessage],
        known: set[tuple[Vote, bytes]],
        counted: list[tuple[str, Vote, bytes]],
    ) -> bool:
        """False, and no more is read, at a vote that no member signed: no honest peer shows it.

        What counts is added to ``counted``."""
        members = votes.matter.members
        for message in messages:
            vote, signature = message.vote(), message.signed()
            news = (vote, signature) not in known
            if not news or not any(votes.takes(member, vote) for member in members):
                continue
            known.add((vote, signature))
            signer = recover(vote, self.context.domain, signature)
            if signer not in members:
                return False
            # Its own votes an operator has kept; it does not stand by another one with its key.
            if signer != self.context.address and votes.add(signer, vote, signature):
                counted.append((signer, vote, signature))
        return True

    def _cast(self, votes: Votes, move: Cast) -> None:
        """Sign, keep, and only then show: nobody ever sees a vote that a crash can change."""
        context, matter = self.context, votes.matter
        if context.signer is None:
            raise RefusedError("a dry run votes for nothing")
        vote = Vote(matter.round, matter.challenge, move.view, move.step, move.value)
        signature = sign(context.signer, vote, context.domain)
        context.ballots.cast(vote, signature)
        votes.add(context.address, vote, signature)
        context.at(Failpoint.VOTE_KEPT)
        _log.info(
            "voted",
            round=matter.round,
            view=move.view,
            step=Step(move.step).name.lower(),
            value=move.value.hex(),
        )

    # ------------------------------------------------------------------ what is voted for

    def _is_acceptable(self, votes: Votes, value: bytes) -> bool:
        """Whether this operator comes to the result by what others show, and nothing that it knew
        at first is missing in it, unless an honest operator is sure to have found that right."""
        if self.context.ballots.page(votes.matter.round, value, 0) is not None:
            return True
        draft = self._fetched(votes, value)
        if draft is None:
            return False
        if not votes.is_backed(value) and not self.drafts.lacks_nothing(draft, self._own(votes)):
            _log.warning("a proposal leaves a submission out", round=draft.number)
            return False
        self.drafts.keep(draft)
        return True

    def _own(self, votes: Votes) -> Draft:
        """What this operator came to at first."""
        key = _key(votes.matter)
        if key not in self._first:
            cast = self.context.ballots.own(*key)
            kept = self.drafts.kept(key[0], cast[0][0].value) if cast else None
            self._first[key] = kept or self.drafts.newest(key[0])
        return self._first[key]

    def _draft(self, votes: Votes, value: bytes) -> Draft | None:
        number = votes.matter.round
        kept = self.drafts.kept(number, value)
        if kept is not None:
            return kept
        draft = self._fetched(votes, value)
        if draft is not None:
            self.drafts.keep(draft)
        return draft

    def _fetched(self, votes: Votes, value: bytes) -> Draft | None:
        number = votes.matter.round
        if not self.context.turns.is_time(number, ("draft", value)):
            return None
        return self.drafts.fetched(number, value)

    # ------------------------------------------------------------------ what others see

    def shown(self, number: int, challenge: bytes) -> list[VoteMessage]:
        """Every vote known on a matter, own and others'."""
        votes = self._votes.get((number, challenge))
        if votes is not None:
            return [vote_message(vote, signature) for vote, signature in votes]
        ballots = self.context.ballots
        heard = [(vote, signature) for _, vote, signature in ballots.heard(number, challenge)]
        return [vote_message(*vote) for vote in [*ballots.own(number, challenge), *heard]]

    def page(self, number: int, digest: bytes, page: int) -> bytes | None:
        """A page of a draft that this operator voted for."""
        return self.context.ballots.page(number, digest, page)

    def forget_before(self, number: int) -> None:
        """Drops what is kept for rounds that have ended."""
        self._votes = {key: votes for key, votes in self._votes.items() if key[0] >= number}
        self._first = {key: draft for key, draft in self._first.items() if key[0] >= number}
        if number > self._forgotten:
            self.context.ballots.forget_before(number)
            self._forgotten = number

    def forget(self, number: int) -> None:
        """Frees the memory that an agreed round's drafts take."""
        self._first = {key: draft for key, draft in self._first.items() if key[0] != number}
        self.drafts.forget(number)


def _key(matter: Matter) -> tuple[int, bytes]:
    return matter.round, matter.challenge
