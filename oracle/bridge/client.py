"""NMR from one chain to the other, for one account: start, look at, take up again, wait."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from hexbytes import HexBytes
from web3 import Web3
from web3.types import TxReceipt

from oracle.bridge.accounts import bridge_contracts, checked_address, holder, wallet_warning
from oracle.bridge.contracts import child_token, root_token
from oracle.bridge.deposits import LOCK, Deposits
from oracle.bridge.estimates import Estimate, Recent
from oracle.bridge.record import BridgeRecord
from oracle.bridge.steps import Stepper
from oracle.bridge.transfers import STAGES, Kind, Stage, Transfer, TransferFiles, new_transfer
from oracle.bridge.withdrawals import BURN, Withdrawals
from oracle.chain.posting import receipt_of
from oracle.chain.rpc import connect, readable
from oracle.chain.sender import Sender
from oracle.chain.signing import Signer
from oracle.errors import InputError, RefusedError, UnreachableError

LEGACY_STAND_IN = "RootChainManager"
"""Where the record names it as a stand-in, it proves receipts of type-0 transactions only."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_SILENCE_SECONDS = 300.0
_NAME_A_KEY = "pass --key KEYSTORE --password-file FILE, or --dev-account N on a devnet"
_BY_FORCE = "see that its owner can use it there; then pass --force"


@dataclass(frozen=True, slots=True)
class Progress:
    """``estimate`` is for the wait that goes on; ``trouble`` what an endpoint failed with."""

    transfer: Transfer
    estimate: Estimate | None = None
    trouble: str = ""


class Bridge:
    """Both chains and one account's transfers. Without ``signer`` it only looks."""

    def __init__(
        self,
        record: BridgeRecord,
        root: Web3,
        child: Web3,
        files: TransferFiles,
        *,
        urls: tuple[str, str] = ("the root chain", "the child chain"),
        signer: Signer | None = None,
        guarded: Mapping[str, str] | None = None,
        **sending: Any,
    ) -> None:
        """``urls`` are named in errors, by their hosts. ``guarded``: names of further contracts of
        the child chain, by address, that no deposit should go to. ``sending``: ``patience`` and
        ``at`` of both ``Stepper``s."""
        self.record, self.files, self.signer = record, files, signer
        above, below = record.root.chain_id, record.child.chain_id
        legacy = LEGACY_STAND_IN in record.stand_ins
        self.root = Stepper(root, above, urls[0], signer, files, **sending)
        self.child = Stepper(child, below, urls[1], signer, files, legacy=legacy, **sending)
        self.deposits = Deposits(record, self.root, self.child)
        self.withdrawals = Withdrawals(record, self.root, self.child)
        self.recent = Recent(record, root, child)
        self._guarded = {**bridge_contracts(record), **(guarded or {})}

    @classmethod
    def open(
        cls,
        record: BridgeRecord,
        root_urls: str | Sequence[str],
        child_urls: str | Sequence[str],
        signer: Signer | None = None,
        *,
        home: Path,
        guarded: Mapping[str, str] | None = None,
        **sending: Any,
    ) -> "Bridge":
        """Connects to both chains; transfers are kept below ``home``."""
        sides = []
        for urls, side in ((root_urls, record.root), (child_urls, record.child)):
            first = urls if isinstance(urls, str) else next(iter(urls), "")
            sides.append((connect(urls, side.chain_id), first))
        (root, root_url), (child, child_url) = sides
        files = TransferFiles(home, record.root.chain_id, record.child.chain_id)
        urls = (root_url, child_url)
        return cls(record, root, child, files, urls=urls, signer=signer, guarded=guarded, **sending)

    # ------------------------------------------------------------------ starting

    def deposit(self, wei: int, to: str | None = None, *, force: bool = False) -> Transfer:
        """Starts a deposit: approves where needed and locks. Refuses a receiver that may not be
        able to use it, unless with ``force``."""
        account = self._signing().address
        receiver = checked_address(to or account, "the receiver")
        if not force:
            self._require_usable(receiver)
        with readable(self.root.url):
            held = root_token(self.root.web3, self.record).functions.balanceOf(account).call()
        _require_amount(wei, held, account, "root")
        return self._started(new_transfer(Kind.DEPOSIT, account, receiver, wei))

    def withdraw(self, wei: int, *, force: bool = False) -> Transfer:
        """Starts a withdrawal to the same account: burns on the child chain."""
        account = self._signing().address
        if not force:
            warning = self.warning(account, arrives="root")
            if warning:
                raise RefusedError(warning, _BY_FORCE)
        with readable(self.child.url):
            held = child_token(self.child.web3, self.record).functions.balanceOf(account).call()
        _require_amount(wei, held, account, "child")
        return self._started(new_transfer(Kind.WITHDRAWAL, account, account, wei))

    def warning(self, address: str, *, arrives: str) -> str | None:
        """Why whoever holds ``address`` may not hold it on the chain where tokens arrive."""
        with readable(self.root.url):
            above = holder(self.root.web3, address)
        with readable(self.child.url):
            below = holder(self.child.web3, address)
        return wallet_warning(address, above, below, arrives=arrives)

    def _require_usable(self, receiver: str) -> None:
        named = {address.lower(): name for address, name in self._guarded.items()}
        if receiver.lower() in named:
            raise RefusedError(
                f"{receiver} is {named[receiver.lower()]}: nobody gets NMR that is sent there back",
                "name your own account; stake with `assay stake deposit` once it has arrived",
            )
        warning = self.warning(receiver, arrives="child")
        if warning:
            raise RefusedError(warning, _BY_FORCE)

    def _started(self, transfer: Transfer) -> Transfer:
        with self.files.only_one():
            return self._advanced(transfer)

    # ------------------------------------------------------------------ going on

    def status(self, id: str) -> Transfer:
        """Where the transfer stands by the chains now; nothing is sent."""
        transfer = self.files.load(id)
        return transfer if transfer.settled else self._steps(transfer).look(transfer)

    def advance(self, id: str) -> Transfer:
        """Takes the next step that is possible: approve, lock, replay what failed, burn, exit.

        Looks for what was sent before sending anything, and sends nothing that is not written down.
        """
        with self.files.only_one():
            return self._advanced(self.files.load(id))

    def wait(
        self,
        id: str,
        until: Stage | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
        *,
        longest_pause: float = _LONGEST_PAUSE,
    ) -> Transfer:
        """Goes on with the transfer until it is at stage ``until``, by default its last.

        Endpoints may be silent for five minutes meanwhile.
        """
        pause, heard, transfer = _SHORTEST_PAUSE, time.monotonic(), self.files.load(id)
        order = STAGES[transfer.kind]
        goal = order.index(until or order[-1])
        while True:
            before, trouble = transfer.stage, ""
            try:
                transfer, heard = self.advance(id), time.monotonic()
            except UnreachableError as error:
                if time.monotonic() > heard + _SILENCE_SECONDS:
                    raise
                trouble = error.message
            reached = transfer.stage in order and order.index(transfer.stage) >= goal
            estimate = None if reached or trouble else self.estimate(transfer)
            progress(Progress(transfer, estimate, trouble))
            if reached:
                return transfer
            changed = transfer.stage is not before
            pause = _SHORTEST_PAUSE if changed else min(1.5 * pause, longest_pause)
            time.sleep(pause)

    def estimate(self, transfer: Transfer) -> Estimate | None:
        """How long the wait that the transfer is in may take; None where it waits for nothing or
        nothing is known."""
        with suppress(UnreachableError), readable(self.root.url):
            return self.recent.left(transfer)
        return None

    def _steps(self, transfer: Transfer) -> Deposits | Withdrawals:
        return self.deposits if transfer.kind is Kind.DEPOSIT else self.withdrawals

    def _advanced(self, transfer: Transfer) -> Transfer:
        if transfer.settled:
            return transfer
        first = LOCK if transfer.kind is Kind.DEPOSIT else BURN
        account = self._signing().address
        if not transfer.sent(first) and account != transfer.account:
            raise InputError(
                f"transfer {transfer.id} is {transfer.account}'s, not {account}'s",
                "sign with the account that started it",
            )
        after = self._steps(transfer).advance(transfer)
        if any(after.steps.values()):
            self.files.save(after)
        return after

    # ------------------------------------------------------------------ anyone's

    def exit(self, transaction: str) -> list[TxReceipt]:
        """Pays out what a child chain's transaction, of anyone's, burned; the exits' receipts."""
        digest = _checked_hash(transaction)
        with readable(self.child.url):
            if receipt_of(self.child.web3, digest) is None:
                raise InputError(
                    f"the child chain has no transaction {transaction}", "copy the hash again"
                )
        calls = self.withdrawals.exits(transaction)
        with self.files.only_one():
            return [self._sender(self.root).send(call) for call in calls]

    def replay(self, sync: int) -> TxReceipt:
        """Hands a failed state sync, of anyone's, to its receiver once more."""
        call = self.deposits.replay(sync)
        with self.files.only_one():
            return self._sender(self.child).send(call)

    def _sender(self, side: Stepper) -> Sender:
        return Sender(side.web3, side.url, self._signing())

    def _signing(self) -> Signer:
        if self.signer is None:
            raise InputError("no key to sign with", _NAME_A_KEY)
        return self.signer


def _checked_hash(text: str) -> bytes:
    try:
        digest = bytes(HexBytes(text))
    except ValueError:
        digest = b""
    if not text.startswith("0x") or len(digest) != 32:
        raise InputError(f"{text!r} is no transaction's hash", "it is 0x and 64 hex digits")
    return digest


def _require_amount(wei: int, held: int, account: str, chain: str) -> None:
    if wei <= 0:
        raise InputError("the amount must be above zero")
    if wei > held:
        raise RefusedError(
            f"{account} holds {nmr_of(held)} NMR on the {chain} chain, not {nmr_of(wei)}",
            "name a smaller amount",
        )


def nmr_of(wei: int) -> str:
    """Exact decimal text of ``wei`` in NMR."""
    return f"{Decimal(wei).scaleb(-18).normalize():f}" if wei else "0"
