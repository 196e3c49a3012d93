"""Voting with the other operators until one result is everybody's (oracle/settlement/agreement)."""

from collections.abc import Callable, Iterable, Iterator
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
_MOST_IDLE = 4096
"""Votes of one peer on one matter that were checked and count for nothing. Honest ones show a few
that liars told them alone; more are not checked, since that takes a millisecond each."""
_Cast = tuple[Vote, bytes]
_log = structlog.get_logger("agreeing")


@dataclass
class Agreeing:
    """This operator's part in what is agreed on."""

    context: Context
    drafts: Drafts
    _votes: dict[tuple[int, bytes], Votes] = field(default_factory=dict)
    _first: dict[tuple[int, bytes], Draft] = field(default_factory=dict)
    _idle: dict[tuple[int, bytes, str], dict[_Cast, str]] = field(default_factory=dict)
    _forgotten: int = 0

    def matter(self, number: int, challenge: bytes, needed: int) -> Matter:
        """A round's result, or the answer to the challenge with this id."""
        terms = self.context.terms(number)
        return Matter(number, terms.members, needed, terms.liars, challenge)

    def decided(self, matter: Matter) -> Draft | None:
        """One step towards an agreement; what was agreed on, once it is and can be come to here."""
        votes = self._known(matter)
        self._hear(votes)
        for _ in range(_MOVES_A_STEP):
            move = self._elector(matter, votes).next_move(votes)
            if isinstance(move, Decided):
                return self._decided_draft(matter.round, move.value)
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
                votes.restore(self.context.address, vote, signature)
            for operator, vote, signature in self.context.ballots.heard(*key):
                votes.restore(operator, vote, signature)
            self._votes[key] = votes
        return self._votes[key]

    def _hear(self, votes: Votes) -> None:
        matter = votes.matter
        asked = ask_all(self.context.peers, lambda peer: peer.votes(matter.round, matter.challenge))
        known = set(votes)
        counted: list[tuple[str, Vote, bytes]] = []
        for peer, messages in asked:
            idle = self._idle.setdefault((*_key(matter), peer.url), {})
            shown = ((message.vote(), message.signed()) for message in messages or ())
            # One after another: what is not read any more of a liar is read of the next.
            news = (cast for cast in shown if cast not in known)
            if not self._count(votes, _noting(news, known), idle, counted):
                _log.warning("a peer shows votes that no honest one has", peer=peer.url)
        self.context.ballots.hear(counted)

    def _count(
        self,
        votes: Votes,
        news: Iterable[_Cast],
        idle: dict[_Cast, str],
        counted: list[tuple[str, Vote, bytes]],
    ) -> bool:
        """False, and no more is read, at a vote that no member signed: no honest peer shows it.

        What counts is added to ``counted``, what does not to ``idle``: it may count later."""
        members = votes.matter.members
        for cast in news:
            vote, signature = cast
            signer = idle.get(cast)
            if signer is None:
                if not any(votes.takes(member, vote) for member in members):
                    continue
                if len(idle) >= _MOST_IDLE:
                    return False
                signer = recover(vote, self.context.domain, signature)
                if signer is None or signer not in members:
                    return False
            if signer == self.context.address:
                self._stand_by(votes, vote, signature)
            elif votes.add(signer, vote, signature):
                counted.append((signer, vote, signature))
                idle.pop(cast, None)
                continue
            idle[cast] = signer
        return True

    def _stand_by(self, votes: Votes, vote: Vote, signature: bytes) -> None:
        """An operator has kept its own votes, unless an old database was put back: then it does
        not vote again. It does not stand by a second one of another process with its key."""
        cast = votes.of(self.context.address, vote.view, Step(vote.step))
        if not cast and votes.takes(self.context.address, vote):
            self.context.ballots.cast(vote, signature)
            votes.restore(self.context.address, vote, signature)
            _log.warning("a peer shows a vote of mine that was lost", round=vote.round)

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
        at first is missing in it, unless an honest operator is sure to have found that right.

        That a draft is kept does not say so: it may be of the result that is challenged."""
        if votes.has_voted(self.context.address, value):
            return True
        backed = votes.is_backed(value)
        draft = self._draft(votes.matter.round, value, backed=backed)
        if draft is None:
            return False
        if not backed and not self.drafts.lacks_nothing(draft, self._own(votes)):
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

    def _decided_draft(self, number: int, value: bytes) -> Draft | None:
        """Kept from now on, so that whoever is behind finds it here."""
        draft = self._draft(number, value)
        if draft is not None:
            self.drafts.keep(draft)
        return draft

    def _draft(self, number: int, value: bytes, *, backed: bool = True) -> Draft | None:
        """As it is kept here, or as a peer shows it."""
        kept = self.drafts.kept(number, value)
        if kept is not None or not self.context.turns.is_time(number, ("draft", value)):
            return kept
        return self.drafts.fetched(number, value, backed=backed)

    # ------------------------------------------------------------------ what others see

    def shown(self, number: int, challenge: bytes) -> list[VoteMessage]:
        """Every vote known on a matter, own and others'."""
        votes = self._votes.get((number, challenge))
        if votes is not None:
            return [vote_message(vote, signature) for vote, signature in votes]
        ballots = self.context.ballots
        heard = [(vote, signature) for _, vote, signature in ballots.heard(number, challenge)]
        return [vote_message(*vote) for vote in [*ballots.own(number, challenge), *heard]]

    def targets(self, number: int, digest: bytes) -> bytes | None:
        """The targets of a draft that this operator voted for, sealed to the round's operators."""
        return self.drafts.shared_targets(number, digest)

    def page(self, number: int, digest: bytes, page: int) -> bytes | None:
        """A page of a draft that this operator voted for."""
        return self.context.ballots.page(number, digest, page)

    def forget_before(self, number: int) -> None:
        """Drops what is kept for rounds that have ended."""
        self._votes = {key: votes for key, votes in self._votes.items() if key[0] >= number}
        self._first = {key: draft for key, draft in self._first.items() if key[0] >= number}
        self._idle = {key: idle for key, idle in self._idle.items() if key[0] >= number}
        if number > self._forgotten:
            self.context.ballots.forget_before(number)
            self._forgotten = number

    def forget(self, number: int) -> None:
        """Frees the memory that an agreed round's drafts take."""
        self._first = {key: draft for key, draft in self._first.items() if key[0] != number}
        self.drafts.forget(number)


def _noting(casts: Iterable[_Cast], known: set[_Cast]) -> Iterator[_Cast]:
    """Adds to ``known`` what is taken from ``casts``, unless it is the last: what makes a reader
    stop, the next peer may show rightly."""
    for cast in casts:
        yield cast
        known.add(cast)


def _key(matter: Matter) -> tuple[int, bytes]:
    return matter.round, matter.challenge
