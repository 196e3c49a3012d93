"""Scoring specifications a round can be announced with, each with who gets to see predictions.

A round's specification is fixed when it is announced, by the hash of its name, and operators of
every release evaluate the round by it. A specification is never changed or removed, only added.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from eth_utils import keccak

from oracle.settlement.typed_data import SPEC


class Disclosure(StrEnum):
    """Who can read a round's submissions and targets once its commit is final."""

    OPEN = "open"
    """Everyone."""
    VERIFIERS = "verifiers"
    """Operators and registered verifiers; the owner of a model reads its submissions."""
    OWNER = "owner"
    """Operators; the owner of a model reads its submissions."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A specification by its name; ``hash`` stands in the announcement. ``version`` says how
    rounds are scored, ``disclosure`` who gets to see what they are scored from."""

    name: str
    version: int
    disclosure: Disclosure

    @property
    def hash(self) -> bytes:
        return keccak(text=self.name)


_VERSIONS = {1: SPEC, 2: "assay/scoring/2"}
_SUFFIXES = {
    Disclosure.OPEN: "",
    Disclosure.VERIFIERS: "/verifiers",
    Disclosure.OWNER: "/owner",
}
_SPECS = tuple(
    Spec(name + suffix, version, disclosure)
    for version, name in _VERSIONS.items()
    for disclosure, suffix in _SUFFIXES.items()
)
SPECS: Final[Mapping[str, Spec]] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""Every specification this release knows, by name."""

NEWEST: Final = _VERSIONS[max(_VERSIONS)]
"""What rounds are announced with unless another is named: the newest version, open."""

_BY_HASH: Final = {spec.hash: spec for spec in _SPECS}


def spec_of(spec_hash: bytes) -> Spec | None:
    """The specification with this hash, or None for one this release does not know."""
    return _BY_HASH.get(spec_hash)
