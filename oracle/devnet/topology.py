"""A devnet, declared: chain, tournament, operators, stakers (``topology.toml`` is the default)."""

import json
import tomllib
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oracle.errors import InputError
from oracle.settlement.payout import SCORE_KINDS, Template
from oracle.settlement.units import MILLIONTH, RATE_ONE, UNITS_PER_NMR

REAL_CHAINS = frozenset({1, 137, 11155111, 80002})
_Port = Field(ge=1024, le=65535)
_Account = Field(ge=0, lt=1000)


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class Chain(_Part):
    chain_id: int = Field(ge=1, lt=2**32)
    port: int = _Port


class TemplateSpec(_Part):
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


class Timing(_Part):
    """Bounds of the oracle contract, seconds."""

    notice: int
    gap: int
    max_ahead: int
    max_horizon: int
    grace: int
    window: int


class Vault(_Part):
    nmr: Decimal


class Tournament(_Part):
    number: Literal[8, 11, 12]
    signatures: int = Field(ge=1, le=16)
    template: TemplateSpec
    timing: Timing
    vault: Vault


class Operator(_Part):
    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    port: int = _Port
    account: int = _Account

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Stakers(_Part):
    first_account: int = _Account
    count: int = Field(ge=1, le=200)
    nmr: Decimal


class Topology(_Part):
    """Everything a devnet is made of."""

    chain: Chain
    tournament: Tournament
    operators: tuple[Operator, ...] = Field(min_length=2, max_length=16)
    stakers: Stakers

    @property
    def rpc(self) -> str:
        return f"http://127.0.0.1:{self.chain.port}"

    def moved(self, base_port: int) -> "Topology":
        """The same with all ports from ``base_port`` on."""
        operators = tuple(
            o.model_copy(update={"port": base_port + 1 + i}) for i, o in enumerate(self.operators)
        )
        chain = self.chain.model_copy(update={"port": base_port})
        return self.model_copy(update={"chain": chain, "operators": operators})


def exact(value: Decimal, scale: int, what: str) -> int:
    """``value * scale`` as an integer; refuses to round."""
    scaled = value * scale
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        raise InputError(f"{what} {value} is finer than 1/{scale}")
    return int(scaled)


def load(path: Path | None = None) -> Topology:
    """The topology in ``path``, or the default one."""
    source = path or files("oracle.devnet").joinpath("topology.toml")
    try:
        text = source.read_text()
        parsed = json.loads(text) if source.name.endswith(".json") else tomllib.loads(text)
        topology = Topology.model_validate(parsed)
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{source}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{source}: {where}: {first['msg']}") from None
    if topology.chain.chain_id in REAL_CHAINS:
        raise InputError(
            f"{source}: chain id {topology.chain.chain_id} belongs to a real network",
            "choose a private one, such as 731371: devnet keys are known to everyone",
        )
    if topology.tournament.signatures > len(topology.operators):
        raise InputError(f"{source}: more signatures than operators")
    return topology
