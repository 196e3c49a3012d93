"""Every action of the bridge whose gas is held, played once, as in gas_actions.py.

Both chains' contracts share an in-process EVM. What is done on the root chain costs Prague's
prices, what is done on the child chain PIP-88's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import boa
from assay_system import compiled, deploy, next_addresses, polygon
from child_chain import CHILD_CHAIN, ChildChain, Log, Receipt, encoded, logged
from eth_abi import encode
from eth_utils import keccak
from metering import Gas, measure
from oracle_steps import RESULT, Steps
from portal import Portal, mint

NMR = 10**18
DAY = 86_400
BLOCKS = 256
"""Blocks of the checkpoint that an exit is proven by."""
TRANSACTIONS = 100
"""Of the block that it is in."""

Actions = dict[str, Gas]

ON_ROOT = (
    "bridge: deposit",
    "bridge: exit",
    "bridge: sweep of the root chain",
    "governance: send a command",
    "roots: receive",
)
"""Actions on the root chain; all others of this module are on the child chain."""


@contextmanager
def bridged() -> Iterator[tuple[Portal, str]]:
    """A bridge in use: tokens are locked, and an account has some on either side."""
    with boa.swap_env(boa.Env()):
        portal = Portal()
        account = str(boa.env.generate_address("account"))
        portal.token.transfer(account, 10**6 * NMR)
        portal.token.approve(portal.predicate.address, 10**6 * NMR, sender=account)
        deposit = (account, portal.token.address, encode(["uint256"], [1000 * NMR]))
        portal.manager.depositFor(*deposit, sender=account)
        assert portal.deliver(portal.manager)
        yield portal, account


def proof(chain: ChildChain, logs: tuple[Log, ...], kind: int) -> bytes:
    """The payload for the first log of a transaction in the middle of a full block."""
    full = len(chain.blocks) + BLOCKS // 2
    for _ in range(BLOCKS):
        chain.add(*[Receipt(logs, kind)] * (TRANSACTIONS if len(chain.blocks) == full else 1))
    chain.checkpoint()
    return encoded(chain.payload(chain.blocks[full], TRANSACTIONS // 2, 0))


def transfers() -> Actions:
    with bridged() as (portal, account):
        token, child_token = portal.token, portal.child_token
        deposit = (account, token.address, encode(["uint256"], [NMR]))
        deposited = measure(portal.manager, "depositFor", *deposit, sender=account)
        withdrawn = measure(child_token, "withdraw", NMR, sender=account)
        payload = proof(portal.chain, logged(child_token), kind=0)
        before = token.balanceOf(account)
        exited = measure(portal.manager, "exit", payload)
        assert token.balanceOf(account) == before + NMR
    return {
        "bridge: deposit": deposited,
        "bridge: withdraw": withdrawn,
        "bridge: exit": exited,
    }


def sweeps() -> Actions:
    actions = {}
    for place, chain in (("child", CHILD_CHAIN), ("root", 1)):
        with bridged() as (portal, _):
            boa.env.evm.patch.chain_id = chain
            vault = compiled("contracts/ethereum/BurnVault.vy").deploy(
                1, portal.token.address, CHILD_CHAIN, portal.child_token.address
            )
            for _ in range(2):
                portal.token.transfer(vault, 100 * NMR)
                mint(portal.child_token, portal.child_manager.address, vault.address, 100 * NMR)
                swept = measure(vault, "sweep")
            assert vault.swept() == 200 * NMR
            actions[f"bridge: sweep of the {place} chain"] = swept
    return actions


def governance() -> Actions:
    """A proposal for the timelock that names another announcer, on its way."""
    with bridged() as (portal, governor):
        root_at, child_at = next_addresses(2)
        root = compiled("contracts/ethereum/GovRoot.vy").deploy(
            governor, portal.fx_root.address, child_at
        )
        child = polygon("GovChild").deploy(portal.fx_child.address, root_at, governor, 2 * DAY)
        timelock = polygon("Timelock").deploy(child, governor, 7 * DAY)
        change = keccak(text="set_announcer(address)")[:4] + encode(["address"], [governor])
        proposal = timelock.propose.prepare_calldata(root_at, change, bytes(32))
        for _ in range(2):
            arguments = (timelock, proposal, boa.env.timestamp + 10 * DAY, 0)
            sent = measure(root, "send", *arguments, sender=governor)
            assert portal.deliver(root)
        boa.env.timestamp += 2 * DAY
        executed = measure(child, "execute", 2, timelock, proposal)
    return {"governance: send a command": sent, "governance: execute a command": executed}


def roots() -> Actions:
    """Of the second round: the pool is known on the root chain."""
    with boa.swap_env(boa.Env()):
        boa.env.evm.patch.chain_id = CHILD_CHAIN
        steps = Steps(deploy())
        outbox = polygon("RootsOutbox").deploy(steps.oracle)
        chain = ChildChain()
        inbox = compiled("contracts/ethereum/RootsInbox.vy").deploy(
            chain.manager, outbox, CHILD_CHAIN
        )
        for k in (1, 2):
            steps.committed(k)
            steps.system.warp(steps.system.now + steps.system.timing.window)
            sent = measure(outbox, "send", k, steps.hashes[k], RESULT.argument())
            payload = proof(chain, logged(outbox), kind=2)
            received = measure(inbox, "receiveMessage", payload)
        assert inbox.latest(steps.system.pool) == 2
    return {"roots: send": sent, "roots: receive": received}


BRIDGE_GROUPS: dict[str, Callable[[], Actions]] = {
    "bridge transfers": transfers,
    "bridge sweeps": sweeps,
    "governance": governance,
    "roots": roots,
}
