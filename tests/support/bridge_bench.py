"""A client of the bridge on two local chains, of its own account and folder; and one that dies."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth_utils import keccak
from two_chains import NMR, TwoChains

from oracle.bridge.client import Bridge
from oracle.bridge.interfaces import CHILD_TOKEN
from oracle.bridge.record import load_bridge
from oracle.chain.keys import dev_account
from oracle.chain.signing import LocalSigner

DEPOSITOR = keccak(text="DEPOSITOR_ROLE")


class Bench:
    """``account`` holds 100 NMR on the root chain."""

    def __init__(self, chains: TwoChains, home: Path, account: int = 10) -> None:
        self.chains, self.home, self.account = chains, home, account
        self.address = dev_account(account).address
        chains.give(account, 100 * NMR)

    def bridge(self, account: int | None = None, **options: Any) -> Bridge:
        """As a new process of the same machine opens it."""
        signer = LocalSigner(dev_account(self.account if account is None else account))
        record = options.pop("record", self.chains.record)
        urls = self.chains.root.url, self.chains.child.url
        return Bridge.open(record, *urls, signer, home=self.home, **options)

    def on_root(self, address: str | None = None) -> int:
        """In whole NMR."""
        return self.chains.root_token.functions.balanceOf(address or self.address).call() // NMR

    def on_child(self, address: str | None = None) -> int:
        return self.chains.child_token.functions.balanceOf(address or self.address).call() // NMR

    def allowance(self) -> int:
        """The bridge's, in wei."""
        spender = self.chains.record.root.erc20_predicate
        return self.chains.root_token.functions.allowance(self.address, spender).call()

    def bring_in(self, wei: int) -> None:
        """So much NMR on the child chain, final, without the client."""
        self.chains.deposit(self.account, wei)
        self.chains.settle_syncs()
        self.chains.child.mine(3)

    def killed(self, place: str, count: int, action: str, argument: str) -> None:
        """Runs ``deposit AMOUNT``, ``withdraw AMOUNT`` or ``advance ID`` in a process that gets
        SIGKILL when it comes to ``place`` for the ``count``-th time."""
        record = Path(tempfile.mkdtemp(dir=self.home)) / "bridge.json"
        self.chains.record.save(record)
        command = [sys.executable, __file__, str(record), self.chains.root.url]
        command += [self.chains.child.url, str(self.home), str(self.account)]
        done = subprocess.run(
            [*command, place, str(count), action, argument],
            capture_output=True,
            timeout=300,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@contextmanager
def benched(chains: TwoChains, home: Path) -> Iterator[Bench]:
    """A bench on chains that are afterwards as they were."""
    with chains.undone():
        yield Bench(chains, home)
        for chain in (chains.root, chains.child):
            chain.ask("evm_setAutomine", True)


def locks(bench: Bench) -> int:
    """How much the bridge holds for what this test locked, in whole NMR."""
    return bench.on_root(bench.chains.record.root.erc20_predicate)


def arrive(bench: Bench) -> None:
    """State syncs reach the child chain, and are final there."""
    bench.chains.settle_syncs()
    bench.chains.child.mine(3)


def role(bench: Bench, function: str) -> None:
    """Grants or revokes the right of the child chain's bridge to mint."""
    token = bench.chains.child_web3.eth.contract(
        address=bench.chains.record.child.token,
        abi=[*CHILD_TOKEN, {**_named(CHILD_TOKEN, "grantRole"), "name": "revokeRole"}],  # type: ignore[call-overload]
    )
    call = token.functions[function](DEPOSITOR, bench.chains.record.child.child_chain_manager)
    bench.chains.done(bench.chains.child_web3, call, bench.chains.settings.admin)


def _named(abi: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in abi if entry.get("name") == name)


def stop(bench: Bench, function: str = "emergencyStop") -> Any:
    abi = [{"type": "function", "name": function, "stateMutability": "nonpayable"}]
    abi[0] |= {"inputs": [], "outputs": []}  # type: ignore[dict-item]
    token = bench.chains.root_web3.eth.contract(address=bench.chains.record.root.token, abi=abi)  # type: ignore[call-overload]
    return token.functions[function]()


def stopped(bench: Bench, function: str = "emergencyStop") -> None:
    """Stops NMR, or releases it."""
    bench.chains.done(
        bench.chains.root_web3, stop(bench, function), bench.chains.settings.token_owner
    )


def _dies_at(place: str, count: int) -> Callable[[str], None]:
    left = count

    def at(where: str) -> None:
        nonlocal left
        if where == place:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    return at


def main() -> None:
    record, root, child, home, account, place, count, action, argument = sys.argv[1:]
    bridge = Bridge.open(
        load_bridge(Path(record)),
        root,
        child,
        LocalSigner(dev_account(int(account))),
        home=Path(home),
        at=_dies_at(place, int(count)),
    )
    if action == "advance":
        bridge.advance(argument)
    else:
        getattr(bridge, action)(int(argument))


if __name__ == "__main__":
    main()
