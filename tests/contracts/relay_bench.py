"""An owner with a key, and what it signs for StakeRelay. Amounts are in wei."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import boa
from assay_system import CURVE_ORDER, NEVER, System, compiled, deploy
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak

from oracle.settlement.intents import StakeAction, StakeIntent, StakeMandate
from oracle.settlement.typed_data import Domain, digest
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT

NMR = UNITS_PER_NMR
WEI = NMR * WEI_PER_UNIT
DAY = 86_400
DELAY = 48 * 3_600
"""Seconds from an offer of a model to its acceptance."""
DEPOSIT, RELEASE, MODE = StakeAction


def account(name: str) -> LocalAccount:
    return Account.from_key(keccak(text=name))


@dataclass(frozen=True)
class RelayBench:
    """A system; an owner of models 0 to 2 with a payout address of its own, and ``other``, who
    owns model 3; both with tokens that the pool may take. ``relayer`` has no tokens."""

    system: System
    owner: LocalAccount
    other: LocalAccount
    payout: str
    relayer: str

    @property
    def domain(self) -> Domain:
        return Domain(boa.env.evm.patch.chain_id, self.system.relay.address)

    def intent(self, **changes: Any) -> StakeIntent:
        """A deposit of 5 NMR for model 0 with its present nonce, good for a day."""
        base = StakeIntent(
            pool=self.system.pool.address,
            model=0,
            action=DEPOSIT,
            amount=5 * WEI,
            max_round=9,
            nonce=self.system.registry.nonce_of(changes.get("model", 0)),
            deadline=self.system.now + DAY,
        )
        return replace(base, **changes)

    def mandate(self, **changes: Any) -> StakeMandate:
        """For models 0 and 1, 10 NMR of deposits and 7 NMR of releases in all, for a day."""
        base = StakeMandate(
            pool=self.system.pool.address,
            owner=self.owner.address,
            relayer=self.relayer,
            models=(0, 1),
            max_deposit=10 * WEI,
            max_release=7 * WEI,
            expiry=self.system.now + DAY,
        )
        return replace(base, **changes)

    def sign(
        self,
        struct: StakeIntent | StakeMandate,
        by: LocalAccount | None = None,
        domain: Domain | None = None,
    ) -> bytes:
        signed = digest(struct, domain or self.domain)
        return bytes((by or self.owner).unsafe_sign_hash(signed).signature)

    def send(self, intent: StakeIntent, signature: bytes | None = None) -> int:
        """Anyone sends the intent, signed by the owner unless a signature is given."""
        sender = boa.env.generate_address()
        signature = self.sign(intent) if signature is None else signature
        return self.system.relay.relay(intent.argument(), signature, sender=sender)

    def act(
        self,
        mandate: StakeMandate,
        action: int = DEPOSIT,
        amount: int = WEI,
        *,
        model: int = 0,
        max_round: int = NEVER,
        signature: bytes | None = None,
        sender: str | None = None,
    ) -> int:
        """The relayer uses the mandate, signed by the owner unless a signature is given."""
        return self.system.relay.act_by_mandate(
            mandate.argument(),
            self.sign(mandate) if signature is None else signature,
            model,
            action,
            amount,
            max_round,
            sender=sender or self.relayer,
        )

    def used(self, mandate: StakeMandate) -> tuple[int, int, bool]:
        """Wei deposited and released by the owner's mandate, and whether it was revoked."""
        return tuple(self.system.relay.mandate_use(mandate.owner, mandate.hash()))

    def nonce(self, model: int = 0) -> int:
        return self.system.registry.nonce_of(model)

    def request(self, model: int = 0) -> tuple[int, int, int]:
        """Deposit and release (U) and mode that model's next round was asked for."""
        word = self.system.pool.record_of(self.system.pool.target(), model)
        return word % 2**56, (word >> 56) % 2**56, (word >> 112) % 4

    def hand_over(self, model: int, to: LocalAccount) -> None:
        """Transfers the model from its owner, which takes 48 hours."""
        registry = self.system.registry
        registry.offer(model, to.address, sender=registry.owner_of(model))
        self.system.warp(self.system.now + DELAY)
        registry.accept(model, registry.version_of(model), sender=to.address)

    def wind_down(self) -> None:
        self.system.warp(self.system.now + self.system.clocks.wind_down_after)
        self.system.pool.wind_down()


def deploy_relay() -> RelayBench:
    return on_system(deploy())


def on_hostile_token() -> RelayBench:
    """The same on a token that calls back."""
    token = compiled("tests/contracts/hostile/HostileToken.vy").deploy(10**9 * WEI)
    return on_system(deploy(token=token))


def on_system(system: System) -> RelayBench:
    bench = RelayBench(
        system=system,
        owner=account("stake owner"),
        other=account("other stake owner"),
        payout=boa.env.generate_address("payout"),
        relayer=boa.env.generate_address("relayer"),
    )
    for keyed in (bench.owner, bench.other):
        system.give(keyed.address, 1_000 * NMR)
    system.register(bench.owner.address, bench.payout, count=3)
    system.register(bench.other.address)
    return bench


# Other bytes than the ones a signer makes, and why each is refused.
BAD_ENCODINGS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "high s": (
        lambda s: (
            s[:32]
            + (CURVE_ORDER - int.from_bytes(s[32:64], "big")).to_bytes(32, "big")
            + bytes([55 - s[64]])
        ),
        "signature: high s",
    ),
    "v 0 or 1": (lambda s: s[:64] + bytes([s[64] - 27]), "signature: bad v"),
    "v 29": (lambda s: s[:64] + b"\x1d", "signature: bad v"),
    "64 bytes": (lambda s: s[:64], "signature: length"),
    "none": (lambda s: b"", "signature: length"),
    "zeros": (lambda s: bytes(64) + b"\x1b", "signature: invalid"),
}
