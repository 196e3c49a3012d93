"""Conservation of NMR over both chains: what must be equal at every moment.

Pure. ``Facts`` are of one moment: a block of each chain such that everything minted on the child
chain was locked, and everything paid on the root chain was burnt, at these blocks. All amounts in
wei.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Burn:
    """Tokens destroyed on the child chain, which the root chain pays to ``owner`` once."""

    id: bytes
    owner: str
    wei: int
    exited: bool


@dataclass(frozen=True, slots=True)
class Deposit:
    """A message that makes the child chain mint what was locked; ``minted``: it was taken."""

    sync: int
    wei: int
    minted: bool


@dataclass(frozen=True, slots=True)
class Flow:
    """An account's tokens: its balance, and what its transfers put in and took out."""

    balance: int = 0
    into: int = 0
    out: int = 0


@dataclass(frozen=True, slots=True)
class RootFacts:
    """``before``: the supply before the record's first block. ``created`` and ``to_nobody``:
    transfers from and to the zero address since then, ``nobody`` what that has more than then: a
    transfer to it destroys nothing. ``locked`` is by the predicate's own log, ``swept`` by the
    vault's account."""

    block: int
    supply: int
    before: int
    created: int
    to_nobody: int
    nobody: int
    locked: int
    swept: int
    predicate: Flow
    vault: Flow

    @property
    def destroyed(self) -> int:
        """By how much the supply has fallen, by anyone's burns."""
        return self.before + self.created - self.supply


@dataclass(frozen=True, slots=True)
class ChildFacts:
    """``from_pool`` and ``from_oracle``: transfers of the tournament's contracts to the vault."""

    block: int
    supply: int
    minted: int
    swept: int
    vault: Flow
    from_pool: int = 0
    from_oracle: int = 0


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """The tournament's own account of what goes to the vault: ``burnt`` by rounds, of which
    ``owed`` is still in the pool and ``flushed`` is not; registration fees and forfeited bonds."""

    burnt: int = 0
    owed: int = 0
    flushed: int = 0
    fees: int = 0
    bonds: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """``vault``: the burn vault's address, empty where there is none."""

    vault: str
    root: RootFacts
    child: ChildFacts
    pool: PoolFacts
    deposits: tuple[Deposit, ...]
    burns: tuple[Burn, ...]

    @property
    def in_flight_down(self) -> int:
        """Locked, and not minted yet: a state sync that failed is one that may be replayed."""
        return sum(one.wei for one in self.deposits if not one.minted)

    @property
    def in_flight_up(self) -> int:
        """Burnt, and not paid on the root chain yet."""
        return sum(one.wei for one in self.burns if not one.exited)

    @property
    def predicate_donations(self) -> int:
        """Sent to the bridge without a deposit: nobody gets it back."""
        return self.root.predicate.into - self.root.locked

    @property
    def child_donations(self) -> int:
        """What the vault on the child chain got besides burns, fees and bonds."""
        return self.child.vault.into - self.pool.flushed - self.pool.fees - self.pool.bonds

    @property
    def exited_to_vault(self) -> int:
        return sum(one.wei for one in self.burns if one.exited and one.owner == self.vault)

    @property
    def root_donations(self) -> int:
        """What the vault on the root chain got besides its exits."""
        return self.root.vault.into - self.exited_to_vault


def check(facts: Facts) -> list[str]:
    """Whatever does not add up, a sentence each; nothing if NMR is conserved."""
    return [*_pool(facts), *_child_vault(facts), *_root(facts), *_bridge(facts)]


def _pool(facts: Facts) -> Iterator[str]:
    pool, child = facts.pool, facts.child
    yield from _equal(
        "what rounds burnt", pool.burnt, "what the pool owes and flushed", pool.owed + pool.flushed
    )
    yield from _equal("flushed", pool.flushed, "the pool's transfers to the vault", child.from_pool)
    yield from _equal(
        "forfeited bonds", pool.bonds, "the oracle's transfers to the vault", child.from_oracle
    )


def _child_vault(facts: Facts) -> Iterator[str]:
    child = facts.child
    yield from _never_negative("donations to the child vault", facts.child_donations)
    yield from _flow("the child vault", child.vault)
    yield from _equal("transfers out of the child vault", child.vault.out, "swept", child.swept)
    withdrawn = sum(one.wei for one in facts.burns if one.owner == facts.vault)
    yield from _equal("swept on the child chain", child.swept, "the vault's burns", withdrawn)


def _root(facts: Facts) -> Iterator[str]:
    root = facts.root
    yield from _never_negative("donations to the root vault", facts.root_donations)
    yield from _flow("the root vault", root.vault)
    yield from _equal("transfers out of the root vault", root.vault.out, "swept", root.swept)
    yield from _equal(
        "destroyed by the root supply", root.destroyed, "by the logs", root.to_nobody - root.nobody
    )
    others = root.destroyed - root.swept
    yield from _never_negative("destroyed on the root chain by others than the vault", others)
    waits = facts.child.swept + facts.root_donations - root.swept
    yield from _never_negative("swept on the child chain and not yet on the root chain", waits)


def _bridge(facts: Facts) -> Iterator[str]:
    root, child = facts.root, facts.child
    sent = sum(one.wei for one in facts.deposits)
    minted = sum(one.wei for one in facts.deposits if one.minted)
    burnt = sum(one.wei for one in facts.burns)
    paid = sum(one.wei for one in facts.burns if one.exited)
    yield from _equal("locked", root.locked, "the messages of deposits", sent)
    yield from _equal("minted", child.minted, "the deposits that were taken", minted)
    yield from _equal("the child supply", child.supply, "minted less burnt", child.minted - burnt)
    yield from _equal("paid by the predicate", root.predicate.out, "the burns exited", paid)
    yield from _flow("the predicate", root.predicate)
    yield from _never_negative("donations to the predicate", facts.predicate_donations)
    due = child.supply + facts.in_flight_up + facts.in_flight_down + facts.predicate_donations
    yield from _equal(
        "the predicate's balance",
        root.predicate.balance,
        "child supply, burnt not exited, locked not minted and donations",
        due,
    )


def _flow(whose: str, flow: Flow) -> Iterator[str]:
    yield from _equal(f"the balance of {whose}", flow.balance, "in less out", flow.into - flow.out)


def _equal(what: str, wei: int, other: str, other_wei: int) -> Iterator[str]:
    if wei != other_wei:
        yield f"{what}: {wei} wei; {other}: {other_wei} wei"


def _never_negative(what: str, wei: int) -> Iterator[str]:
    if wei < 0:
        yield f"{what}: {wei} wei, which is below zero"
