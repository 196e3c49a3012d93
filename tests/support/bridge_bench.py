"""A client of the bridge on two local chains, of its own account and folder; and one that dies."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from two_chains import NMR, TwoChains

from oracle.bridge.client import Bridge
from oracle.bridge.record import load_bridge
from oracle.chain.keys import dev_account
from oracle.chain.signing import LocalSigner


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
            timeout=60,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()


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
