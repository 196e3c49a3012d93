"""One tournament's contracts in an in-process EVM, and the few steps every test takes with them.

Amounts are in U unless a name says wei.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boa
import rlp
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak, to_canonical_address, to_checksum_address

from oracle.settlement.batches import END, Batch, chain
from oracle.settlement.payout import Template
from oracle.settlement.reference import Clocks, RoundTerms
from oracle.settlement.typed_data import SPEC_HASH, Announcement, Commit, Domain, digest
from oracle.settlement.units import MAX_AMOUNT, UNITS_PER_NMR, WEI_PER_UNIT

ROOT = Path(__file__).resolve().parents[2]
TOURNAMENT = 8
ALL_WEI = 2**256 - 1
NEVER = 2**256 - 1
SUPPLY = 8 * MAX_AMOUNT
FEE = 10**17
"""Wei that a registration costs."""
ONE = 10**6
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

TEMPLATE = Template(
    kinds=(1, 2, 3),
    multipliers=(500_000, 2_000_000, 100_000),
    clip_up=50_000_000_000,
    clip_down=50_000_000_000,
    threshold=72_000 * UNITS_PER_NMR,
    kappa=500_000,
)


@dataclass(frozen=True, slots=True)
class Timing:
    """Bounds of RoundOracle, in seconds; short, so that tests read easily."""

    notice: int = 100
    gap: int = 50
    max_ahead: int = 10_000
    max_horizon: int = 10_000
    grace: int = 1_000
    window: int = 200
    challenge: int = 500


CLOCKS = Clocks(
    skip_after=20_000,
    settle_time=800,
    head_time=400,
    rest_delay=100,
    wind_down_after=100_000,
    pause=600,
    pause_cooldown=2_000,
)
"""Times of StakePool; short as well, but longer than any round of the tests takes."""


def operators(n: int) -> list[LocalAccount]:
    """``n`` operators by ascending address, as commits need them."""
    accounts = [Account.from_key(keccak(text=f"operator {i}")) for i in range(n)]
    return sorted(accounts, key=lambda account: int(account.address, 16))


@cache
def compiled(name: str) -> Any:
    """Deployer of a contract, by its path from the repository's root."""
    return boa.load_partial(str(ROOT / name))


def next_addresses(count: int) -> list[str]:
    """Addresses of the next ``count`` contracts that the test's account deploys."""
    deployer = to_canonical_address(boa.env.eoa)
    nonce = boa.env.evm.vm.state.get_nonce(deployer)
    return [
        to_checksum_address(keccak(rlp.encode([deployer, nonce + i]))[12:]) for i in range(count)
    ]


@dataclass
class System:
    """The contracts of a tournament and the accounts with a role."""

    token: Any
    pool: Any
    oracle: Any
    registry: Any
    relay: Any
    signers: list[LocalAccount]
    threshold: int
    super_quorum: int
    template: Template
    timing: Timing
    clocks: Clocks
    announcer: str
    guardian: str
    governor: str
    burn_vault: str
    treasury: str

    # --- time ---

    @property
    def now(self) -> int:
        return boa.env.timestamp

    def warp(self, timestamp: int) -> None:
        boa.env.timestamp = timestamp

    # --- accounts and models ---

    def new_staker(self, models: int = 1, tokens: int = 10**6 * UNITS_PER_NMR) -> str:
        """An account with ``tokens`` U, all approved, that owns ``models`` new models."""
        account = boa.env.generate_address()
        self.give(account, tokens)
        if models:
            self.register(account, count=models)
        return account

    def give(self, account: str, tokens: int) -> None:
        """``tokens`` U for an account, all approved for the pool."""
        self.token.transfer(account, tokens * WEI_PER_UNIT, sender=self.treasury)
        self.token.approve(self.pool, ALL_WEI, sender=account)

    def owner(self, model: int) -> str:
        return self.registry.owner_of(model)

    def register(self, owner: str, payout: str | None = None, count: int = 1) -> int:
        """Registers models, reserving their names a second before; returns the last one's id."""
        fees = count * self.registry.FEE()
        self.token.transfer(owner, fees, sender=self.treasury)
        self.token.approve(self.registry, fees, sender=owner)
        first = self.registry.count()
        names = [keccak(text=f"model {first + i}") for i in range(count)]
        salt = bytes(32)
        for name in names:
            commitment = self.registry.commitment_of(name, owner, salt)
            self.registry.reserve(commitment, sender=owner)
        self.warp(self.now + 1)
        ids = [self.registry.register(n, payout or owner, salt, sender=owner) for n in names]
        return ids[-1]

    # --- the pool, in U ---

    def fund(self, amount: int) -> None:
        self.pool.fund(amount * WEI_PER_UNIT, sender=self.treasury)

    def deposit(self, model: int, amount: int, max_round: int = NEVER) -> int:
        owner = self.owner(model)
        return self.pool.deposit(model, amount * WEI_PER_UNIT, max_round, sender=owner)

    def request_release(self, model: int, amount: int | None, max_round: int = NEVER) -> int:
        wei = ALL_WEI if amount is None else amount * WEI_PER_UNIT
        owner = self.owner(model)
        return self.pool.request_release(model, wei, max_round, sender=owner)

    def set_mode(self, model: int, mode: int, max_round: int = NEVER) -> int:
        return self.pool.set_mode(model, mode, max_round, sender=self.owner(model))

    def stake(self, model: int) -> int:
        return self.pool.stake_of(model) // WEI_PER_UNIT

    def claimable(self, model: int) -> int:
        return self.pool.claimable_of(model) // WEI_PER_UNIT

    # --- rounds ---

    def announce(
        self,
        k: int,
        closes_in: int = 500,
        horizon: int = 300,
        phi: int = ONE,
        opens_in: int = 0,
    ) -> bytes:
        """Announces a round; names a series where phi needs one."""
        return self.oracle.announce(
            k,
            self.now + opens_in,
            self.now + closes_in,
            horizon,
            phi,
            series_of(phi),
            SPEC_HASH,
            sender=self.announcer,
        )

    def announce_hash(self, k: int) -> bytes:
        """The hash a round was announced with: what is sealed until its commit."""
        announced = self.oracle.round_of(k)
        if not announced.chain_head.strip(b"\0"):
            return self.oracle.sealed(k)
        return Announcement(
            pool=self.pool.address,
            tournament=TOURNAMENT,
            round=k,
            opens=announced.opens,
            closes=announced.closes,
            horizon=announced.horizon,
            phi=announced.phi,
            series_hash=series_of(announced.phi),
            spec_hash=SPEC_HASH,
            epoch=announced.epoch,
            template=self.template,
        ).hash()

    def commit_struct(self, k: int, chain_head: bytes, at_risk: int, words: int) -> Commit:
        return Commit(
            pool=self.pool.address,
            tournament=TOURNAMENT,
            round=k,
            epoch=1,
            announce_hash=self.announce_hash(k),
            close_block_hash=b"\x01" * 32,
            chain_head=chain_head,
            at_risk=at_risk,
            words=words,
            manifest=b"\x02" * 32,
            meta_root=b"\x03" * 32,
        )

    @property
    def domain(self) -> Domain:
        return Domain(boa.env.evm.patch.chain_id, self.oracle.address)

    def sign(self, commit: Commit, signers: Sequence[LocalAccount]) -> list[bytes]:
        signed = digest(commit, self.domain)
        return [bytes(signer.unsafe_sign_hash(signed).signature) for signer in signers]

    def send_commit(self, commit: Commit, signatures: Sequence[bytes]) -> None:
        self.oracle.commit(commit.round, result_of(commit), list(signatures))

    def commit(self, k: int, batches: Sequence[Batch], at_risk: int, words: int) -> RoundTerms:
        """Commits a round's batches with just enough signatures; the round must be due."""
        head = chain(batches)[0]
        commit = self.commit_struct(k, head, at_risk, words)
        self.send_commit(commit, self.sign(commit, self.signers[: self.threshold]))
        phi = self.oracle.round_of(k).phi
        return RoundTerms(self.template, phi, at_risk, words, head)

    def due(self, k: int) -> int:
        announced = self.oracle.round_of(k)
        return announced.closes + announced.horizon

    def settle(self, k: int, batch: Batch, following: bytes) -> None:
        self.pool.settle(k, batch.start, following, list(batch.words))

    def settle_all(self, k: int, batches: Sequence[Batch]) -> None:
        links = [*chain(batches), END]
        for batch, following in zip(batches, links[1:], strict=True):
            self.settle(k, batch, following)

    def play(
        self,
        k: int,
        batches: Sequence[Batch],
        *,
        at_risk: int = 0,
        words: int = 1,
        drain: int = 2**20,
    ) -> RoundTerms:
        """Takes an announced round from its close to its end."""
        self.warp(max(self.now, self.due(k)))
        self.pool.drain(k, drain)
        terms = self.commit(k, batches, at_risk, words)
        self.warp(self.now + self.timing.window)
        self.settle_all(k, batches)
        return terms


def deploy(
    template: Template = TEMPLATE,
    timing: Timing | None = None,
    n: int = 4,
    threshold: int = 3,
    super_quorum: int = 0,
    token: Any = None,
    clocks: Clocks = CLOCKS,
    governor: str | None = None,
) -> System:
    """The contracts of one tournament, deployed as a deployer does: addresses precomputed."""
    timing = timing or Timing()
    if token is None:
        token = compiled("contracts/devnet/ChildNmr.vy").deploy(SUPPLY * WEI_PER_UNIT)
    pool_at, oracle_at, registry_at, relay_at = next_addresses(4)
    announcer, guardian = boa.env.generate_address("announcer"), boa.env.generate_address()
    governor, burn_vault = governor or boa.env.generate_address(), boa.env.generate_address()
    signers = operators(n)
    pool = polygon("StakePool").deploy(
        token, oracle_at, registry_at, relay_at, burn_vault, astuple(clocks)
    )
    oracle = polygon("RoundOracle").deploy(
        pool_at,
        TOURNAMENT,
        token,
        burn_vault,
        governor,
        announcer,
        guardian,
        [signer.address for signer in signers],
        threshold,
        super_quorum,
        astuple(template),
        astuple(timing),
    )
    registry = polygon("ModelRegistry").deploy(pool_at, token, burn_vault, FEE, 1)
    relay = polygon("StakeRelay").deploy(pool_at, registry_at)
    deployed = [pool.address, oracle.address, registry.address, relay.address]
    assert deployed == [pool_at, oracle_at, registry_at, relay_at]
    treasury = boa.env.eoa
    token.approve(pool, ALL_WEI)
    return System(
        token=token,
        pool=pool,
        oracle=oracle,
        registry=registry,
        relay=relay,
        signers=signers,
        threshold=threshold,
        super_quorum=super_quorum,
        template=template,
        timing=timing,
        clocks=clocks,
        announcer=announcer,
        guardian=guardian,
        governor=governor,
        burn_vault=burn_vault,
        treasury=treasury,
    )


def polygon(name: str) -> Any:
    """Deployer of a contract of the tournament."""
    return compiled(f"contracts/polygon/{name}.vy")


def series_of(phi: int) -> bytes:
    """The series hash that the tests name with a phi."""
    return bytes(32) if phi == ONE else b"\x05" * 32


def result_of(commit: Commit) -> tuple[Any, ...]:
    """The contract's Result in a Commit."""
    return (
        commit.close_block_hash,
        commit.chain_head,
        commit.at_risk,
        commit.words,
        commit.manifest,
        commit.meta_root,
    )


@contextmanager
def refused(reason: str) -> Iterator[None]:
    """The block makes one call that reverts with exactly this reason."""
    with boa.reverts(reason):
        yield
