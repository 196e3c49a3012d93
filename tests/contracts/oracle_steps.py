"""What the tests of RoundOracle do with a system, step by step."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, replace
from typing import Any

import boa
from assay_system import ALL_WEI, TOURNAMENT, System
from eth_account.signers.local import LocalAccount

from oracle.settlement.reference_oracle import MIN_BOND
from oracle.settlement.typed_data import Commit, Confirm, Result, Struct, digest
from oracle.settlement.units import WEI_PER_UNIT

DAY = 86_400
SERIES = b"\x07" * 32
EVIDENCE = b"\x0e" * 32
RESULT = Result(
    close_block_hash=b"\x01" * 32,
    chain_head=b"\x0a" * 32,
    at_risk=77,
    words=5,
    manifest=b"\x02" * 32,
    meta_root=b"\x03" * 32,
)
OTHER = replace(RESULT, chain_head=b"\x0b" * 32, at_risk=78)


class Steps:
    """Calls on a system's RoundOracle, and the hashes its rounds were announced with."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.oracle = system.oracle
        self.hashes: dict[int, bytes] = {}

    # --- rounds ---

    def announce(self, k: int = 1, **times: int) -> None:
        self.hashes[k] = self.system.announce(k, **times)

    def committed(self, k: int = 1, result: Result = RESULT) -> None:
        """Announces a round and commits its result as soon as it is due."""
        self.announce(k)
        self.system.warp(self.system.due(k))
        self.commit(k, result)

    def challenged(self, k: int = 1, result: Result = RESULT) -> str:
        """A committed round that an account with tokens has challenged; the account."""
        self.committed(k, result)
        challenger = self.challenger()
        self.challenge(k, challenger)
        return challenger

    def deadline(self, k: int = 1) -> int:
        """The last second in which a commit is taken."""
        return self.system.due(k) + self.system.timing.grace

    # --- operators ---

    def by(self, *places: int) -> list[LocalAccount]:
        """Operators by their places in the ascending order of addresses."""
        return [self.system.signers[place] for place in places]

    def commit_of(self, k: int = 1, result: Result = RESULT, epoch: int = 1) -> Commit:
        return Commit(
            self.system.pool.address, TOURNAMENT, k, epoch, self.hashes[k], *astuple(result)
        )

    def confirm_of(self, k: int = 1, result: Result = RESULT, epoch: int = 1) -> Confirm:
        commit = self.commit_of(k, result, epoch)
        return Confirm(*astuple(commit), self.oracle.round_of(k).challenge_id)

    def sign(self, struct: Struct, signers: Iterable[LocalAccount]) -> list[bytes]:
        """Signatures in the ascending order of their signers."""
        signed = digest(struct, self.system.domain)
        ordered = sorted(signers, key=lambda signer: int(signer.address, 16))
        return [bytes(signer.unsafe_sign_hash(signed).signature) for signer in ordered]

    def commit(
        self,
        k: int = 1,
        result: Result = RESULT,
        signers: Sequence[LocalAccount] | None = None,
        epoch: int = 1,
    ) -> None:
        """By as many operators as it takes, if no other ones are named."""
        if signers is None:
            signers = self.system.signers[: self.system.threshold]
        signatures = self.sign(self.commit_of(k, result, epoch), signers)
        self.oracle.commit(k, result.argument(), signatures)

    def confirm(
        self,
        k: int = 1,
        committed: Result = RESULT,
        result: Result = RESULT,
        signers: Sequence[LocalAccount] | None = None,
    ) -> None:
        """By as many operators as it takes, if no other ones are named."""
        if signers is None:
            signers = self.system.signers[: self.system.super_quorum]
        signatures = self.sign(self.confirm_of(k, result), signers)
        arguments = (committed.argument(), result.argument(), signatures)
        self.oracle.confirm(k, self.hashes[k], *arguments)

    # --- challengers ---

    def challenger(self, tokens: int = 10 * MIN_BOND) -> str:
        """An account with tokens, in U, that the oracle may take."""
        account = boa.env.generate_address()
        self.system.token.transfer(account, tokens * WEI_PER_UNIT, sender=self.system.treasury)
        self.system.token.approve(self.oracle, ALL_WEI, sender=account)
        return account

    def challenge(self, k: int, challenger: str) -> bytes:
        return self.oracle.challenge(k, EVIDENCE, sender=challenger)

    def veto(self, k: int) -> bytes:
        return self.oracle.veto(k, EVIDENCE, sender=self.system.guardian)

    def status(self, k: int = 1) -> int:
        return self.oracle.round_of(k).status

    def tokens(self, account: Any) -> int:
        """Balance in U."""
        return self.system.token.balanceOf(account) // WEI_PER_UNIT

    def event(self, name: str) -> Any:
        """The one event of this name in the last call's logs."""
        [found] = [log for log in self.oracle.get_logs() if type(log).__name__ == name]
        return found

    def set_latest(self, shift: int, value: int) -> None:
        """Writes a 12-bit field of the oracle's word of the last round, at bit ``shift``."""
        layout = self.oracle.compiler_data.storage_layout["storage_layout"]
        slot = layout["rounds"]["_latest"]["slot"]
        word = boa.env.get_storage(self.oracle.address, slot)
        word = word & ~(0xFFF << shift) | value << shift
        boa.env.set_storage(self.oracle.address, slot, word)
