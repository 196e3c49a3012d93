"""Answers to a challenge as operators exchange them: a Confirm with one operator's signature."""

from collections.abc import Iterable
from dataclasses import asdict

from pydantic import Field

from oracle.settlement.manifest import hex32
from oracle.settlement.quorum import Tally, tally_statements
from oracle.settlement.typed_data import Commit, Confirm, Domain
from oracle.settlement.wire import AttestationMessage, attestation_message, unhex


class ConfirmationMessage(AttestationMessage):
    """A Confirm with one operator's signature; kept beside the round's folder."""

    challenge_id: str = Field(pattern=r"^0x[0-9a-f]{64}$")

    def confirm(self) -> Confirm:
        return confirm_of(self.attestation().commit, unhex(self.challenge_id))


def confirm_of(commit: Commit, challenge_id: bytes) -> Confirm:
    """The answer that a result is the round's, to one challenge."""
    return Confirm(**asdict(commit), challenge_id=challenge_id)


def commit_of(confirm: Confirm) -> Commit:
    """The result that an answer confirms."""
    return Commit(**{name: getattr(confirm, name) for name in Commit.fields})


def confirmation_message(confirm: Confirm, signature: bytes) -> ConfirmationMessage:
    shown = attestation_message(commit_of(confirm), signature)
    return ConfirmationMessage(**shown.model_dump(), challenge_id=hex32(confirm.challenge_id))


def count(messages: Iterable[ConfirmationMessage], domain: Domain, signers: Iterable[str]) -> Tally:
    """The valid answers of registered ``signers``, by digest; see ``quorum.tally``."""
    statements = [(message.confirm(), unhex(message.signature)) for message in messages]
    return tally_statements(statements, domain, signers)
