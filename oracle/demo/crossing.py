"""The demo's NMR between the chains: brought in, brought back, and burned out of the supply."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from oracle.bridge.client import Bridge
from oracle.bridge.conservation import Facts, check
from oracle.bridge.contracts import child_token, root_token
from oracle.bridge.reading import Books, together
from oracle.bridge.sweeping import Left, Side, Sweeper
from oracle.bridge.transfers import Stage
from oracle.chain.keys import dev_account
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import connect, readable
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.demo.steps import Say
from oracle.devnet.clock import Clock
from oracle.devnet.launch import Devnet
from oracle.errors import DifferenceError
from oracle.settlement.rounds import FLUSH_AFTER, FLUSH_FROM
from oracle.settlement.units import WEI_PER_UNIT

_WEI_PER_NMR = 10**18
_OLD_ALLOWANCE = _WEI_PER_NMR
"""What one staker let the bridge have some time ago: NMR's ``approve`` does not go from there to
another amount, and its ``changeApproval`` does."""
Waiting = Callable[[str], Iterator[None]]


@dataclass(frozen=True, slots=True)
class Closing:
    """NMR's supply on the root chain before the demo, in wei, and the books after it."""

    before: int
    facts: Facts

    @property
    def fell(self) -> int:
        return self.before - self.facts.root.supply

    @property
    def burned(self) -> int:
        """By rounds, with registration fees and forfeited bonds, which are burned too."""
        pool = self.facts.pool
        return pool.burnt + pool.fees + pool.bonds

    def check(self) -> None:
        """Raises DifferenceError unless NMR is conserved and exactly what was burned is gone."""
        found = check(self.facts)
        if found:
            raise DifferenceError(
                f"NMR is not conserved: {'; '.join(found)}", "report this: it should never happen"
            )
        if self.fell != self.burned:
            raise DifferenceError(
                f"NMR's supply on the root chain fell by {self.fell} wei, and {self.burned} wei "
                "were burned",
                "report this: it should never happen",
            )


class Crossing:
    """Stakers' transfers, by place among the stakers, and the burns' way; ``waiting`` lets both
    chains go on."""

    def __init__(self, devnet: Devnet, reader: PoolReader, clock: Clock, waiting: Waiting) -> None:
        self.devnet, self.reader, self.clock, self._waiting = devnet, reader, clock, waiting
        self.record = devnet.bridge()
        self.urls = devnet.topology.root_rpc, devnet.topology.rpc
        self.root = connect(self.urls[0], self.record.root.chain_id)
        self.before = self._supply()

    def _supply(self) -> int:
        with readable(self.urls[0]):
            return int(root_token(self.root, self.record).functions.totalSupply().call())

    def _signer(self, staker: int) -> LocalSigner:
        return LocalSigner(dev_account(self.devnet.topology.stakers.first_account + staker))

    def _bridge(self, staker: int) -> Bridge:
        home = self.devnet.folder
        return Bridge.open(self.record, *self.urls, self._signer(staker), home=home)

    # ------------------------------------------------------------------ transfers

    def give(self, wei: int) -> None:
        """So much to each staker, on the root chain."""
        self.devnet.supply().give(dict.fromkeys(self.devnet.topology.stakers.addresses, wei))

    def allow_before(self, staker: int) -> None:
        """The staker has some allowance left over from an earlier time."""
        call = root_token(self.root, self.record).functions.approve(
            self.record.root.erc20_predicate, _OLD_ALLOWANCE
        )
        Sender(self.root, self.urls[0], self._signer(staker)).send(call)

    def bring_in(self, amounts: Mapping[int, int], say: Say) -> None:
        """Each staker deposits so many wei; until the child chain has them for good."""
        started = {}
        for staker, wei in amounts.items():
            bridge = self._bridge(staker)
            started[bridge.deposit(wei).id] = bridge
            say(f"{len(started)} of {len(amounts)} locked on the root chain")
        self._follow(started, Stage.USABLE, say)

    def bring_back(self, say: Say) -> int:
        """Each staker withdraws all NMR it has on the child chain; how many wei in all."""
        started, total = {}, 0
        for staker in range(self.devnet.topology.stakers.count):
            wei = self._held(self._signer(staker).address)
            if wei:
                bridge = self._bridge(staker)
                started[bridge.withdraw(wei).id] = bridge
                total += wei
                say(f"{len(started)} burnt on the child chain")
        self._follow(started, Stage.EXITED, say)
        return total

    def _held(self, account: str) -> int:
        with readable(self.urls[1]):
            token = child_token(self.reader.web3, self.record)
            return int(token.functions.balanceOf(account).call())

    def _follow(self, started: Mapping[str, Bridge], goal: Stage, say: Say) -> None:
        """Takes transfers on until all of them are at ``goal``."""
        open_ = dict(started)
        for _ in self._waiting(f"transfers being {goal}"):
            for id, bridge in list(open_.items()):
                if bridge.advance(id).stage is goal:
                    del open_[id]
            say(f"{len(started) - len(open_)} of {len(started)} {goal}")
            if not open_:
                return

    # ------------------------------------------------------------------ burns

    def burn(self, say: Say) -> None:
        """Until the operators have taken all that was burned out of the root chain's supply."""
        for _ in self._waiting("the burns' end"):
            owed, left = self.reader.totals()["burn_owed"], self._sweeper.left()
            if not owed and left == Left(0, 0, 0, 0, 0):
                return
            say(_where(owed, left))
            if waits_for_its_week(owed, left):
                self.clock.advance_to(self.clock.now() + FLUSH_AFTER)

    @cached_property
    def _sweeper(self) -> Sweeper:
        """Only looks."""
        return Sweeper(
            self.record, Side(self.root, self.urls[0]), Side(self.reader.web3, self.urls[1])
        )

    # ------------------------------------------------------------------ the end

    def close(self) -> Closing:
        """The books of both chains, checked."""
        books = Books(self.root, self.reader.web3, self.record, urls=self.urls, reader=self.reader)
        with readable(self.urls[0]):
            blocks = together(self.root, self.reader.web3, self.record)
        closing = Closing(self.before, books.facts(*blocks))
        closing.check()
        return closing


def waits_for_its_week(owed: int, left: Left) -> bool:
    """Whether nobody takes any of it on yet: what the pool owes (U), and what is in either vault,
    is kept for a week where it is less than 10 NMR."""
    on_its_way = left.burnt or left.exits or left.refused
    most = max(owed, *(wei // WEI_PER_UNIT for wei in (left.child, left.root)))
    return not on_its_way and most < FLUSH_FROM


def _where(owed: int, left: Left) -> str:
    """How far the burns are, by the least of it."""
    if owed or left.child:
        return "to be withdrawn from the child chain"
    if left.burnt or left.exits or left.refused:
        return "to be paid to the vault on the root chain"
    return "to be destroyed on the root chain"
