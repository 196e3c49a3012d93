"""The synthetic round as folders on disk: sealed, and disclosed in every mode to its readers."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import synthetic_round as given_round
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak

from oracle.evaluation.evaluate import Evaluation, RoundInputs, evaluate
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.round_receipts import RECEIPTS, receipts_bytes
from oracle.settlement.specs import SPECS, Disclosure, Spec
from oracle.settlement.typed_data import Receipt, Submission, message
from oracle.store.artefacts import write_round
from oracle.store.disclosure import disclose
from oracle.store.sealing import Identity, seal

OPERATORS = [Identity.new(), Identity.new()]
VERIFIER, OWNER, STRANGER = Identity.new(), Identity.new(), Identity.new()
"""``OWNER`` is whoever sent the file of model 1, which model 9 sent too."""

SPEC: Mapping[Disclosure, Spec] = {
    spec.disclosure: spec for spec in SPECS.values() if spec.version == 1
}


@cache
def operator_account(number: int) -> LocalAccount:
    """The accounts of the round's four operators, of which two must have signed a receipt."""
    return Account.from_key(keccak(text=f"operator {number}"))


def inputs(mode: Disclosure) -> RoundInputs:
    announced = replace(given_round.ANNOUNCEMENT, spec_hash=SPEC[mode].hash)
    return given_round.inputs(announcement=announced)


@cache
def result(mode: Disclosure) -> Evaluation:
    return evaluate(inputs(mode), given_round.read)


def files(mode: Disclosure) -> dict[str, bytes]:
    """Every file that the manifest lists, plain."""
    return given_round.all_files(result(mode), inputs(mode))


def private() -> dict[str, bytes]:
    """What is sealed unless the round is open."""
    return given_round.private_files(given_round.inputs())


def owners_path() -> str:
    """The submission that ``OWNER`` may read."""
    return f"inputs/submissions/{given_round.entry(1).sha256.hex()}"


def receipts() -> list[SignedReceipt]:
    """Of two operators for each entry, before the close where it is on time."""
    found = []
    announced = given_round.ANNOUNCEMENT
    for entry in given_round.ENTRIES:
        key = Submission(announced.round, entry.model, entry.sha256, entry.sequence)
        received = announced.closes - 60 if entry.on_time else announced.closes + 60
        said = Receipt(announced.round, entry.model, entry.sha256, entry.sequence, received)
        for number in (0, 2):
            who = operator_account(number)
            signature = who.sign_message(message(said, given_round.DOMAIN)).signature
            found.append(SignedReceipt(key, who.address, received, bytes(signature)))
    return found


def sealed() -> Iterator[tuple[str, bytes]]:
    for path, raw in private().items():
        yield path, seal(raw, [one.recipient for one in OPERATORS])


def write(folder: Path, mode: Disclosure) -> Path:
    """The round as an operator writes it, sealed to operators."""
    made = result(mode)
    beside = {RECEIPTS: receipts_bytes(given_round.ANNOUNCEMENT.round, receipts())}
    write_round(folder, made.manifest, made.files, sealed(), beside)
    return folder


def disclosed(folder: Path, mode: Disclosure, by: Identity = OPERATORS[0]) -> Path:
    """Opens a folder that `write` made."""
    disclose(
        folder,
        SPEC[mode],
        by,
        [one.recipient for one in OPERATORS],
        [VERIFIER.recipient],
        {given_round.entry(1).sha256: [OWNER.recipient]},
    )
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    """Every file under ``folder`` by its path, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rows_of(raw: bytes) -> list[bytes]:
    """The rows of a submission or of targets: none of these bytes may lie where it is sealed."""
    return [row for row in raw.split(b"\n")[1:] if row]
