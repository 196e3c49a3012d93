"""A devnet, declared: chain, tournament, operators, stakers (``topology.toml`` is the default)."""

import json
import tomllib
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oracle.chain.keys import DEV_ACCOUNTS
from oracle.errors import InputError
from oracle.settlement.payout import SCORE_KINDS, Template
from oracle.settlement.units import MILLIONTH, RATE_ONE, UNITS_PER_NMR

REAL_CHAINS = frozenset({1, 137, 11155111, 80002})
_LOWEST_PORT, _HIGHEST_PORT = 1024, 65535
_Port = Field(ge=_LOWEST_PORT, le=_HIGHEST_PORT)
_Account = Field(ge=0, lt=DEV_ACCOUNTS)


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
        last = base_port + len(self.operators)
        if base_port < _LOWEST_PORT or last > _HIGHEST_PORT:
            raise InputError(
                f"ports {base_port} to {last} are not within {_LOWEST_PORT} to {_HIGHEST_PORT}",
                "pass another --base-port",
            )
        operators = tuple(
            o.model_copy(update={"port": base_port + 1 + i}) for i, o in enumerate(self.operators)
        )
        chain = self.chain.model_copy(update={"port": base_port})
        return self.model_copy(update={"chain": chain, "operators": operators})


def exact(value: Decimal, scale: int, what: str) -> int:
    """``value * scale`` as an integer; refuses to round."""
    # A Fraction, since a Decimal product would round to 28 digits.
    scaled = Fraction(value) * scale if value.is_finite() else None
    if scaled is None or scaled.denominator != 1:
        raise InputError(f"{what} {value} is finer than 1/{scale}")
    return scaled.numerator


def load(path: Path | None = None) -> Topology:
    """The topology in ``path``, or the default one."""
    source = path or files("oracle.devnet").joinpath("topology.toml")
    try:
        text = source.read_text()
        parsed = json.loads(text) if source.name.endswith(".json") else tomllib.loads(text)
        topology = Topology.model_validate(parsed)
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{source}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{source}: {where}: {first['msg']}") from None
    try:
        _check(topology)
    except InputError as error:
        raise InputError(f"{source}: {error.message}", error.fix) from None
    return topology


def _check(topology: Topology) -> None:
    """What no single field shows; the contracts would refuse most of it only later."""
    if topology.chain.chain_id in REAL_CHAINS:
        raise InputError(
            f"chain id {topology.chain.chain_id} belongs to a real network",
            "choose a private one, such as 731371: devnet keys are known to everyone",
        )
    operators, needed = topology.operators, topology.tournament.signatures
    if not len(operators) < 2 * needed < 2 * len(operators):
        raise InputError(
            f"{needed} signatures of {len(operators)} operators",
            "ask for more than half of the operators and fewer than all",
        )
    _require_once("operators: name", [o.name for o in operators])
    _require_once("operators: account", [o.account for o in operators])
    _require_once("port", [topology.chain.port, *(o.port for o in operators)])
    stakers = topology.stakers
    if stakers.first_account + stakers.count > DEV_ACCOUNTS:
        raise InputError(
            f"stakers: {stakers.count} accounts from {stakers.first_account} on; "
            f"a devnet has {DEV_ACCOUNTS} in all"
        )
    topology.tournament.template.template()
    exact(topology.tournament.vault.nmr, UNITS_PER_NMR, "tournament.vault.nmr")
    exact(stakers.nmr, UNITS_PER_NMR, "stakers.nmr")


def _require_once(what: str, values: Sequence[object]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise InputError(f"{what} {value} stands more than once")
