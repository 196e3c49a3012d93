"""Counting operators' signatures over a Commit: who signed what, and who signed twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from oracle.settlement.typed_data import Commit, Domain, digest, recover


@dataclass(frozen=True, slots=True)
class Attestation:
    """A Commit with one operator's signature (65 bytes)."""

    commit: Commit
    signature: bytes


@dataclass(frozen=True, slots=True)
class Tally:
    """Signatures by digest and signer, and the signers who signed two digests of one round."""

    signatures: Mapping[bytes, Mapping[str, bytes]]
    equivocators: frozenset[str]

    def agreed(self, needed: int) -> bytes | None:
        """The digest that ``needed`` operators signed, if there is one."""
        for signed, by in self.signatures.items():
            if len(by) >= needed:
                return signed
        return None

    def ordered(self, signed: bytes, needed: int) -> list[bytes]:
        """``needed`` signatures in the ascending order of signers the contract asks for."""
        by = self.signatures[signed]
        return [by[who] for who in sorted(by, key=lambda a: int(a, 16))[:needed]]


def tally(attestations: Iterable[Attestation], domain: Domain, signers: Iterable[str]) -> Tally:
    """Counts the valid signatures of registered ``signers``; others are left out.

    An operator that signed two digests is named, and none of its signatures counts.
    """
    registered = {s.lower() for s in signers}
    found: dict[bytes, dict[str, bytes]] = {}
    digests_of: dict[str, set[bytes]] = {}
    for item in attestations:
        who = recover(item.commit, domain, item.signature)
        if who is None or who.lower() not in registered:
            continue
        signed = digest(item.commit, domain)
        found.setdefault(signed, {})[who] = item.signature
        digests_of.setdefault(who, set()).add(signed)
    twice = frozenset(who for who, signed in digests_of.items() if len(signed) > 1)
    honest = {
        signed: {who: sig for who, sig in by.items() if who not in twice}
        for signed, by in found.items()
    }
    return Tally(honest, twice)
