"""A tournament, declared: its rules (a profile), and who runs it on one chain (the roles)."""

import json
import tomllib
from dataclasses import asdict
from decimal import Decimal
from fractions import Fraction
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oracle.chain.addresses import Address
from oracle.errors import InputError
from oracle.settlement.payout import SCORE_KINDS, Template
from oracle.settlement.reference import Clocks as ProductionClocks
from oracle.settlement.units import MILLIONTH, RATE_ONE, UNITS_PER_NMR

REAL_CHAINS = frozenset({1, 137, 11155111, 80002})
MAX_DELAY = 90 * 86_400
"""Longest delay of the timelock contract, seconds."""

MAX_TUNNEL_DELAY = 30 * 86_400
"""Longest delay of GovChild, seconds."""


class Part(BaseModel):
    """A piece of a declaration: nothing unknown in it, never changed."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class TemplateSpec(Part):
    """A payout template in the units people write: plain decimals and NMR."""

    kinds: tuple[str, str, str]
    multipliers: tuple[Decimal, Decimal, Decimal]
    clip_up: Decimal
    clip_down: Decimal
    threshold_nmr: Decimal
    kappa: Decimal

    def template(self) -> Template:
        first, second, third = (exact(m, MILLIONTH, "multiplier") for m in self.multipliers)
        kinds = [SCORE_KINDS.get(kind) for kind in self.kinds]
        if None in kinds:
            raise InputError(f"score kinds are {', '.join(SCORE_KINDS)}; got {self.kinds}")
        return Template(
            kinds=(kinds[0] or 0, kinds[1] or 0, kinds[2] or 0),
            multipliers=(first, second, third),
            clip_up=exact(self.clip_up, RATE_ONE, "clip_up"),
            clip_down=exact(self.clip_down, RATE_ONE, "clip_down"),
            threshold=exact(self.threshold_nmr, UNITS_PER_NMR, "threshold_nmr"),
            kappa=exact(self.kappa, MILLIONTH, "kappa"),
        )


class Timing(Part):
    """Bounds of every round in the oracle contract, seconds."""

    notice: int
    gap: int
    max_ahead: int
    max_horizon: int
    grace: int
    window: int
    challenge: int = 5 * 86_400


class Clocks(Part):
    """Times of the pool contract, seconds."""

    skip_after: int
    settle_time: int
    head_time: int
    rest_delay: int
    wind_down_after: int
    pause: int
    pause_cooldown: int


class Rules(Part):
    """What a tournament's contracts are built with; no addresses."""

    number: Literal[8, 11, 12]
    signatures: int = Field(ge=1, le=16)
    super_quorum: int = Field(0, ge=0, le=16)
    registry_fee_nmr: Decimal = Decimal("0.1")
    reserve_delay: Annotated[int, Field(ge=1, le=3_600)] = 60
    template: TemplateSpec
    timing: Timing
    clocks: Clocks = Clocks(**asdict(ProductionClocks()))

    @property
    def fee(self) -> int:
        """Price of a registration in U."""
        return exact(self.registry_fee_nmr, UNITS_PER_NMR, "registry_fee_nmr")

    def check(self, operators: int) -> None:
        """What no single field shows, for ``operators`` of them; raises InputError."""
        needed, more = self.signatures, self.super_quorum
        if not operators < 2 * needed < 2 * operators:
            raise InputError(
                f"{needed} signatures of {operators} operators",
                "ask for more than half of the operators and fewer than all",
            )
        if more and not needed < more < operators:
            raise InputError(
                f"a super-quorum of {more} with {needed} signatures of {operators} operators",
                "ask for more than the signatures and fewer than all, or 0 for none",
            )
        if self.fee <= 0:
            raise InputError(f"registry_fee_nmr {self.registry_fee_nmr} is not above zero")
        self.template.template()
        t, c = self.timing, self.clocks
        # From the end of one round to that of the next one, announced in the last moment.
        longest = c.skip_after + t.max_ahead + t.max_horizon + t.grace + t.window + t.challenge
        longest += c.settle_time + c.rest_delay
        if c.wind_down_after <= longest:
            raise InputError(
                f"clocks.wind_down_after {c.wind_down_after} is not above {longest} seconds",
                "a pool must not wind down while a round may still get its scores",
            )


class Profile(Rules):
    """The rules of a tournament in production: deployments/profiles/."""

    operators: int = Field(ge=2, le=16)


class TunnelRoles(Part):
    """Who governs from the root chain, and how many seconds each command waits on the child chain
    before it can be executed."""

    governor: Address
    delay: int = Field(ge=1, le=MAX_TUNNEL_DELAY)


class TimelockRoles(Part):
    """Who changes things through the timelock, and how long before everybody sees it, seconds.
    Without a ``proposer`` it is the tunnel's end on the child chain."""

    proposer: Address | None = None
    canceller: Address
    delay: int = Field(ge=1, le=MAX_DELAY)


class Roles(Part):
    """Who runs tournaments on one chain. Token and burn vault are the bridge's where there is
    one."""

    chain_id: int = Field(ge=1, lt=2**32)
    token: Address | None = None
    burn_vault: Address | None = None
    announcer: Address
    guardian: Address
    operators: tuple[Address, ...] = Field(min_length=2, max_length=16)
    timelock: TimelockRoles
    tunnel: TunnelRoles | None = None

    def holders(self) -> dict[str, str]:
        """Every address that may do something, by what it is."""
        named = {
            "announcer": self.announcer,
            "guardian": self.guardian,
            "timelock.canceller": self.timelock.canceller,
        }
        if self.timelock.proposer is not None:
            named["timelock.proposer"] = self.timelock.proposer
        if self.tunnel is not None:
            named["tunnel.governor"] = self.tunnel.governor
        return named | {f"operators.{i}": a for i, a in enumerate(self.operators)}

    def check(self) -> None:
        """What no single field shows; raises InputError."""
        for address in self.operators:
            if self.operators.count(address) > 1:
                raise InputError(f"operators: {address} stands more than once")
        for role, address in self.holders().items():
            if address in (self.token, self.burn_vault):
                raise InputError(f"{role} is {address}, which is the token or the burn vault")
        if self.token is not None and self.token == self.burn_vault:
            raise InputError("the token and the burn vault are the same address")
        if self.timelock.proposer is None and self.tunnel is None:
            raise InputError(
                "nobody could propose anything to the timelock",
                "name timelock.proposer, or [tunnel] with a governor on the root chain",
            )


def exact(value: Decimal, scale: int, what: str) -> int:
    """``value * scale`` as an integer; refuses to round."""
    # A Fraction, since a Decimal product would round to 28 digits.
    scaled = Fraction(value) * scale if value.is_finite() else None
    if scaled is None or scaled.denominator != 1:
        raise InputError(f"{what} {value} is finer than 1/{scale}")
    return scaled.numerator


_Declaration = TypeVar("_Declaration", bound=Part)


def read(source: Path | Traversable, kind: type[_Declaration]) -> _Declaration:
    """A declaration from a TOML or JSON file; an error names the file and the field."""
    try:
        text = source.read_text()
        parsed: Any = json.loads(text) if source.name.endswith(".json") else tomllib.loads(text)
        return kind.model_validate(parsed)
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{source}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{source}: {where}: {first['msg']}") from None


def load_profile(path: Path) -> Profile:
    """The profile in ``path``, checked."""
    profile = read(path, Profile)
    try:
        profile.check(profile.operators)
    except InputError as error:
        raise InputError(f"{path}: {error.message}", error.fix) from None
    return profile


def load_roles(path: Path) -> Roles:
    """The roles in ``path``, checked."""
    roles = read(path, Roles)
    try:
        roles.check()
    except InputError as error:
        raise InputError(f"{path}: {error.message}", error.fix) from None
    return roles
