"""What a worker tells whoever watches it: metrics, health, a test. By default nobody does."""

from dataclasses import dataclass

from oracle.settlement.rounds import Action, RoundFacts

CHILD, ROOT = "child", "root"
"""The chain of the tournament, and the one that NMR lives on."""


@dataclass
class Observer:
    """Called by the threads of the loop and of burns, and must not raise. Times in seconds."""

    def cycle(self, seconds: float, error: str) -> None:
        """A cycle ended; ``error`` is the class of its last one, empty if there was none."""

    def block(self, number: int, timestamp: int) -> None:
        """The finalized block that is looked at."""

    def round(self, facts: RoundFacts, actions: tuple[Action, ...], now: int) -> None:
        """A round that was looked at, and what is due for it."""

    def signatures(self, number: int, count: int, needed: int) -> None:
        """How many operators have signed the result that most have signed."""

    def equivocation(self, operator: str, number: int) -> None:
        """An operator was first seen to have signed two results of a round."""

    def differs(self, number: int) -> None:
        """The quorum's result of a round is not this operator's."""

    def ended(self, before: int) -> None:
        """Rounds before this one have ended, and are not told of any more."""

    def settled(self, number: int, batches: int, of: int) -> None:
        """How many of a round's batches the pool has applied."""

    def transactions(self, pending: int, chain: str = CHILD) -> None:
        """How many sent transactions are in no block yet."""

    def balance(self, account: str, wei: int, chain: str = CHILD) -> None:
        """What an account that sends has for gas."""

    def spent(self, call: str, gas: int, wei: int, chain: str = CHILD) -> None:
        """A transaction was mined."""
