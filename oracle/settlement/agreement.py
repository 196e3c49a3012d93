"""How operators come to one result of a round, whatever some of them do and when.

An operator signs one Commit a round and cannot take it back, so all honest ones must sign the same
one. Before it they exchange signed votes on the digest of a result, view after view. In view 0 all
prevote what they came to by themselves; in each later one a proposer does, and the others follow
it. Who sees prevotes of ``needed`` operators for a digest precommits it, and is locked to it;
``needed`` precommits in one view decide. It is Tendermint's algorithm (Buchman, Kwon, Milosevic:
"The latest gossip on BFT consensus", 2018), its first view without a proposer: two sets of
``needed`` votes share an honest operator, and that one votes once a view and step.

Pure: the next vote follows from the votes known, the time waited and what can be come to here.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from oracle.settlement.typed_data import Vote

NIL = bytes(32)
"""The value of a vote for no result in its view."""

MAX_VIEW = 2**20
_VALUES_A_STEP = 1
_VIEWS_AHEAD = 16


class Step(IntEnum):
    """What a vote says: this result is right, or enough others have said so."""

    PREVOTE = 1
    PRECOMMIT = 2


class Wait(StrEnum):
    """What is waited for in a view: its proposal, or more votes than are there."""

    PROPOSAL = "proposal"
    PREVOTES = "prevotes"
    PRECOMMITS = "precommits"


@dataclass(frozen=True, slots=True)
class Matter:
    """What is agreed on: a round's result, or the answer to the challenge with this id.

    ``members`` may vote; ``needed`` of them decide. Of them as many as ``liars`` may say anything,
    whatever is agreed on.
    """

    round: int
    members: tuple[str, ...]
    needed: int
    liars: int
    challenge: bytes = NIL

    @property
    def honest(self) -> int:
        """Of so many operators one is honest."""
        return self.liars + 1

    def proposer(self, view: int) -> str:
        """Whose turn it is in a view from 1 on."""
        ordered = sorted(self.members, key=lambda address: int(address, 16))
        return ordered[(self.round + view) % len(ordered)]


@dataclass(frozen=True, slots=True)
class Cast:
    """The vote to cast next."""

    view: int
    step: Step
    value: bytes


@dataclass(frozen=True, slots=True)
class Decided:
    """What the operators have come to, for ever."""

    view: int
    value: bytes


@dataclass
class Votes:
    """The votes known on one matter. Who votes for two values in one step is counted for both:
    more liars than the protocol bears are needed to gain by it."""

    matter: Matter
    _by: dict[tuple[int, Step], dict[bytes, dict[str, bytes]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )
    _last: dict[str, int] = field(default_factory=dict)

    def add(self, signer: str, vote: Vote, signature: bytes) -> bool:
        """Counts a vote whose signature was checked. False for one that is known, or on another
        matter, or of a stranger, or beyond what is kept of one operator."""
        if not self.takes(signer, vote):
            return False
        self.restore(signer, vote, signature)
        return True

    def restore(self, signer: str, vote: Vote, signature: bytes) -> None:
        """Counts a vote on this matter that was counted or cast before, in whatever order."""
        self._by[vote.view, Step(vote.step)][vote.value][signer] = signature
        self._last[signer] = max(self._last.get(signer, 0), vote.view)

    def takes(self, signer: str, vote: Vote) -> bool:
        """Whether ``add`` would count the vote."""
        matter = self.matter
        if (vote.round, vote.challenge) != (matter.round, matter.challenge):
            return False
        if signer not in matter.members or vote.step not in tuple(Step):
            return False
        if not 0 <= vote.view <= min(MAX_VIEW, self.common_view() + _VIEWS_AHEAD):
            return False
        said = self._by.get((vote.view, Step(vote.step)), {})
        same = said.get(vote.value, {})
        if signer in same:
            return False
        # A value that an honest one voted for is always counted, or a liar could hide from some of
        # them, behind many values, that enough voted for it.
        few = sum(signer in by for by in said.values()) < _VALUES_A_STEP
        return few or len(same) >= matter.honest

    def of(self, signer: str, view: int, step: Step) -> list[bytes]:
        """What an operator voted for in a view, the first that came first."""
        return [value for value, by in self._by.get((view, step), {}).items() if signer in by]

    def has_voted(self, signer: str, value: bytes) -> bool:
        """Whether an operator ever voted for ``value``."""
        return any(signer in said.get(value, ()) for said in self._by.values())

    def voters(self, view: int, step: Step, value: bytes | None = None) -> set[str]:
        """Who voted in a view: for ``value``, or at all."""
        said = self._by.get((view, step), {})
        return {who for v, by in said.items() if value in (None, v) for who in by}

    def enough(self, view: int, step: Step) -> bytes | None:
        """The value that enough operators voted for in a view, NIL among them."""
        said = self._by.get((view, step), {})
        return next((v for v, by in said.items() if len(by) >= self.matter.needed), None)

    def common_view(self) -> int:
        """The last view that an honest operator has surely come to."""
        views = sorted(self._last.values(), reverse=True)
        return views[self.matter.honest - 1] if len(views) >= self.matter.honest else 0

    def last_view(self, signer: str) -> int:
        """The last view that an operator voted in."""
        return self._last.get(signer, 0)

    def lock(self, signer: str) -> tuple[int, bytes] | None:
        """View and value of an operator's last precommit of a result."""
        found = [
            (view, value)
            for (view, step), said in self._by.items()
            for value, by in said.items()
            if step is Step.PRECOMMIT and value != NIL and signer in by
        ]
        return max(found, default=None)

    def polkas(self) -> dict[bytes, int]:
        """Results that had enough prevotes, with the last view in which they had."""
        found: dict[bytes, int] = {}
        for view, step in sorted(self._by):
            value = self.enough(view, step) if step is Step.PREVOTE else None
            if value is not None and value != NIL:
                found[value] = view
        return found

    def is_backed(self, value: bytes) -> bool:
        """Whether an honest operator is sure to have found the result right."""
        honest = self.matter.honest
        return any(
            len(by) >= honest
            for (_, step), said in self._by.items()
            for v, by in said.items()
            if step is Step.PREVOTE and v == value
        )

    def decided(self) -> Decided | None:
        """What enough operators precommitted in one view."""
        for view, step in self._by:
            value = self.enough(view, step) if step is Step.PRECOMMIT else None
            if value is not None and value != NIL:
                return Decided(view, value)
        return None

    def __iter__(self) -> Iterator[tuple[Vote, bytes]]:
        """Every vote with its signature; a copy, so that others may add meanwhile."""
        matter = self.matter
        for (view, step), said in list(self._by.items()):
            for value, by in list(said.items()):
                vote = Vote(matter.round, matter.challenge, view, step, value)
                yield from ((vote, signature) for signature in list(by.values()))


@dataclass(frozen=True, slots=True)
class Elector:
    """One operator's part. ``own`` is what it comes to now, None before. ``acceptable``: whether it
    comes to a result with this digest by what others show of it, and has nothing against it.
    ``expired``: whether it has waited long enough in a view, counted from the first question."""

    address: str
    own: Callable[[], bytes | None]
    acceptable: Callable[[bytes], bool]
    expired: Callable[[int, Wait], bool]

    def next_move(self, votes: Votes) -> Cast | Decided | None:
        """What to do now; None: wait for other votes, or for time to pass."""
        decided = votes.decided()
        if decided is not None:
            return decided
        view = self._view(votes)
        if not votes.of(self.address, view, Step.PREVOTE):
            value = self._prevote(votes, view)
            return None if value is None else Cast(view, Step.PREVOTE, value)
        if not votes.of(self.address, view, Step.PRECOMMIT):
            value = self._precommit(votes, view)
            return None if value is None else Cast(view, Step.PRECOMMIT, value)
        return None

    def _view(self, votes: Votes) -> int:
        """The view to vote in: where honest operators are, or the next after one that failed."""
        view = max(votes.last_view(self.address), votes.common_view())
        while self._is_over(votes, view):
            view += 1
        return view

    def _is_over(self, votes: Votes, view: int) -> bool:
        voters = votes.voters(view, Step.PRECOMMIT)
        if self.address not in voters or len(voters) < votes.matter.needed:
            return False
        nil = votes.enough(view, Step.PRECOMMIT) == NIL
        return nil or self.expired(view, Wait.PRECOMMITS)

    def _prevote(self, votes: Votes, view: int) -> bytes | None:
        if view == 0:
            return self.own()
        mine = votes.matter.proposer(view) == self.address
        for value in self._wanted(votes) if mine else self._proposed(votes, view):
            if value == NIL or (self._may(votes, view, value) and self.acceptable(value)):
                return value
        return NIL if self.expired(view, Wait.PROPOSAL) else None

    def _wanted(self, votes: Votes) -> Iterable[bytes]:
        """What to propose: what enough have prevoted, the last first, or what is come to here."""
        polkas = votes.polkas()
        yield from sorted(polkas, key=polkas.__getitem__, reverse=True)
        own = self.own()
        if own is not None:
            yield own

    def _proposed(self, votes: Votes, view: int) -> Sequence[bytes]:
        found = votes.of(votes.matter.proposer(view), view, Step.PREVOTE)
        enough = votes.enough(view, Step.PREVOTE)
        return found if enough is None else [enough, *found]

    def _may(self, votes: Votes, view: int, value: bytes) -> bool:
        """Whether this operator's lock lets it prevote ``value``."""
        lock = votes.lock(self.address)
        if lock is None or lock[1] == value:
            return True
        return any(votes.enough(earlier, Step.PREVOTE) == value for earlier in range(lock[0], view))

    def _precommit(self, votes: Votes, view: int) -> bytes | None:
        enough = votes.enough(view, Step.PREVOTE)
        if enough is not None and (enough == NIL or self.acceptable(enough)):
            return enough
        if len(votes.voters(view, Step.PREVOTE)) < votes.matter.needed:
            return None
        return NIL if self.expired(view, Wait.PREVOTES) else None
