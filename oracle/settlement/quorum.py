"""Counting operators' signatures over a Commit: who signed what, and who signed twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from oracle.settlement.typed_data import Commit, Confirm, Domain, digest, recover


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
    return tally_statements(((a.commit, a.signature) for a in attestations), domain, signers)


def tally_statements(
    signed: Iterable[tuple[Commit | Confirm, bytes]], domain: Domain, signers: Iterable[str]
) -> Tally:
    """The same for statements of either kind, all on one matter."""
    registered = {s.lower() for s in signers}
    found: dict[bytes, dict[str, bytes]] = {}
    digests_of: dict[str, set[bytes]] = {}
    for statement, signature in signed:
        who = recover(statement, domain, signature)
        if who is None or who.lower() not in registered:
            continue
        hashed = digest(statement, domain)
        found.setdefault(hashed, {})[who] = signature
        digests_of.setdefault(who, set()).add(hashed)
    twice = frozenset(who for who, hashed in digests_of.items() if len(hashed) > 1)
    honest = {
        hashed: {who: sig for who, sig in by.items() if who not in twice}
        for hashed, by in found.items()
    }
    return Tally(honest, twice)
