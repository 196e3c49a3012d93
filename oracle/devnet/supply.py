"""NMR for a devnet's people: given on the root chain, brought over by deposits like anybody's."""

from collections.abc import Mapping
from dataclasses import dataclass

from web3 import Web3

from oracle.bridge.contracts import root_chain_manager, root_token
from oracle.bridge.record import BridgeRecord
from oracle.bridge.syncs import SyncState, last_synced, sync_count, sync_state
from oracle.chain.keys import dev_account
from oracle.chain.rpc import readable
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Supply:
    """All NMR, which the bridge's administrator has at first. Amounts are in wei, by address."""

    root: Web3
    child: Web3
    record: BridgeRecord
    admin: int
    """Development account of the administrator."""

    def give(self, amounts: Mapping[str, int]) -> None:
        """On the root chain."""
        token = root_token(self.root, self.record)
        for account, wei in amounts.items():
            self._send(token.functions.transfer(account, wei))

    def bring(self, amounts: Mapping[str, int]) -> None:
        """Locks NMR on the root chain for accounts on the child chain; state syncs bring it."""
        token, side = root_token(self.root, self.record), self.record.root
        self._send(token.functions.approve(side.erc20_predicate, sum(amounts.values())))
        manager = root_chain_manager(self.root, self.record)
        for account, wei in amounts.items():
            data = wei.to_bytes(32, "big")
            self._send(manager.functions.depositFor(account, side.token, data))

    def arrived(self) -> bool:
        """Whether the child chain has taken every message; raises if it refused one."""
        with readable("the root chain"):
            sent = sync_count(self.root, self.record)
        with readable("the child chain"):
            if last_synced(self.child, self.record) < sent:
                return False
            for id in range(1, sent + 1):
                if sync_state(self.child, self.record, id) is SyncState.FAILED:
                    raise RefusedError(
                        f"the child chain refused state sync {id}", "see the relayer's log"
                    )
        return True

    def _send(self, call: object) -> None:
        signer = LocalSigner(dev_account(self.admin))
        Sender(self.root, "http://root", signer).send(call)  # type: ignore[arg-type]
