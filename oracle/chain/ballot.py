"""Counting endpoints' answers to one request whose right answer is the same for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from oracle.chain.answers import Answer, comparable
from oracle.chain.endpoint import Endpoint


@dataclass
class Ballot:
    """Votes for answers; ``refused`` is a null or an error, which is no vote of its endpoints, the
    ``refusers``."""

    method: str
    needed: int
    refused: Answer | None = None
    refusers: list[Endpoint] = field(default_factory=list)
    _voters: dict[Any, list[Endpoint]] = field(default_factory=dict)
    _answers: dict[Any, Answer] = field(default_factory=dict)

    def add(self, answered: Iterable[tuple[Endpoint, Answer | None]]) -> "Ballot":
        """Counts answers; None is that of an endpoint that gave none."""
        for endpoint, answer in answered:
            if answer is None:
                continue
            key = comparable(self.method, answer)
            if key is None:
                self.refusers.append(endpoint)
                # That a block is not known says more than an endpoint's trouble.
                if self.refused is None or "error" in self.refused:
                    self.refused = answer
            else:
                self._voters.setdefault(key, []).append(endpoint)
                self._answers.setdefault(key, answer)
        return self

    @property
    def most(self) -> int:
        """Votes for the answer that has most of them."""
        return max(map(len, self._voters.values()), default=0)

    @property
    def decided(self) -> bool:
        return self.most >= self.needed

    @property
    def split(self) -> bool:
        """Whether there are different answers."""
        return len(self._voters) > 1

    @property
    def voters(self) -> list[Endpoint]:
        return [endpoint for voters in self._voters.values() for endpoint in voters]

    def winner(self) -> Answer | None:
        """The answer of enough endpoints, of more than any other; or else of more than half.

        An answer without any other to contradict it wins however few gave it.
        """
        counts = sorted(map(len, self._voters.values()), reverse=True)
        if not counts or (len(counts) > 1 and counts[0] == counts[1]):
            return None
        if counts[0] < self.needed and 2 * counts[0] <= sum(counts):
            return None
        return self._answers[self._leading()]

    def losers(self) -> list[Endpoint]:
        """Those that gave another answer than the winning one."""
        leading = self._leading()
        return [e for key, voters in self._voters.items() if key != leading for e in voters]

    def _leading(self) -> Any:
        return max(self._voters, key=lambda key: len(self._voters[key]))
