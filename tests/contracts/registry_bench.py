"""A ModelRegistry on its own: a real token, and plain addresses for the pool and the burn vault."""

from dataclasses import dataclass
from typing import Any

import boa
from assay_system import SUPPLY, compiled
from eth_utils import keccak

from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT

NOBODY = "0x" + "00" * 20
FEE = UNITS_PER_NMR * WEI_PER_UNIT
DAY = 24 * 3600
DELAY = 48 * 3600
OFFER_LIFE = 14 * DAY
SALT = b"\x05" * 32


def name(text: str) -> bytes:
    return keccak(text=text)


@dataclass(frozen=True, slots=True)
class RegistryBench:
    """The registry, and the steps that its tests share. Fees are in wei, times in seconds."""

    registry: Any
    token: Any
    pool: str
    burn_vault: str

    @property
    def now(self) -> int:
        return boa.env.timestamp

    def warp(self, seconds: int) -> None:
        boa.env.timestamp += seconds

    def new_owner(self, fees: int = 100) -> str:
        """An account that can pay ``fees`` registrations and lets the registry take them."""
        account = boa.env.generate_address()
        self.token.transfer(account, fees * FEE)
        self.token.approve(self.registry, fees * FEE, sender=account)
        return account

    def reserve(self, owner: str, text: str, *, sender: str | None = None) -> bytes:
        """Reserves a name for ``owner``, who sends it unless told otherwise."""
        commitment = self.registry.commitment_of(name(text), owner, SALT)
        self.registry.reserve(commitment, sender=sender or owner)
        return commitment

    def register(self, owner: str, payout: str | None = None) -> int:
        """A new model, with a name of its own."""
        text = f"model {self.registry.count()}"
        self.reserve(owner, text)
        self.warp(1)
        return self.registry.register(name(text), payout or owner, SALT, sender=owner)

    def use_nonce(self, model: int) -> tuple[str, int]:
        return self.registry.use_nonce(model, sender=self.pool)

    def use_claim(self, model: int) -> str:
        return self.registry.use_claim(model, sender=self.pool)


def deploy_registry(token: Any = None, reserve_delay: int = 1) -> RegistryBench:
    """A registry whose token is ChildNmr unless another one is given."""
    if token is None:
        token = compiled("contracts/devnet/ChildNmr.vy").deploy(SUPPLY * WEI_PER_UNIT)
    pool, burn_vault = boa.env.generate_address("pool"), boa.env.generate_address("burn vault")
    registry = compiled("contracts/polygon/ModelRegistry.vy").deploy(
        pool, token, burn_vault, FEE, reserve_delay
    )
    return RegistryBench(registry, token, pool, burn_vault)
