"""Roles and mappings of the bridge on the forks: those of the base, as its record has them."""

import pytest
from ape.api import AccountAPI
from eth_utils import keccak
from fork_base import WITHDRAWER
from forks import Forks, contract

from oracle.bridge.interfaces import ROOT_TOKEN
from oracle.bridge.roles import Finding, inspect
from oracle.chain.keys import dev_account
from oracle.chain.rpc import connect

ROLE = keccak(text="MANAGER_ROLE")
ROLES = [
    {
        "type": "function",
        "name": "revokeRole",
        "stateMutability": "nonpayable",
        "inputs": [{"type": "bytes32", "name": "role"}, {"type": "address", "name": "account"}],
        "outputs": [],
    }
]


def on_forks(forks: Forks) -> list[Finding]:
    return inspect(forks.root.web3, forks.child.web3, forks.record)


def on_base(forks: Forks) -> list[Finding]:
    root, child = forks.record.root.chain_id, forks.record.child.chain_id
    webs = connect(forks.base.root_rpc, root), connect(forks.base.child_rpc, child)
    return inspect(*webs, forks.record)


def unsound(findings: list[Finding]) -> list[str]:
    return [str(finding) for finding in findings if not finding.is_sound]


def test_roles__on_the_forks__as_the_record_has_them(forks: Forks) -> None:
    assert unsound(on_forks(forks)) == []


def test_roles__on_the_forks__every_answer_is_the_base_chains(forks: Forks) -> None:
    assert on_forks(forks) == on_base(forks)


def test_balances__on_the_forks__those_of_the_base(forks: Forks) -> None:
    for fork, rpc, side, holder in (
        (forks.root, forks.base.root_rpc, forks.record.root, forks.record.root.erc20_predicate),
        (forks.child, forks.base.child_rpc, forks.record.child, dev_account(WITHDRAWER).address),
    ):
        token = connect(rpc).eth.contract(address=side.token, abi=ROOT_TOKEN)  # type: ignore[call-overload]
        for call in (token.functions.totalSupply(), token.functions.balanceOf(holder)):
            there = call.call(block_identifier=fork.begin)
            with fork.used():
                here = getattr(contract(side.token, ROOT_TOKEN), call.fn_name)(*call.args)
            assert here == there


@pytest.mark.usefixtures("local")
def test_roles__one_taken_away_on_the_fork__is_told_of_the_fork_alone(
    forks: Forks, accounts: list[AccountAPI]
) -> None:
    predicate = contract(forks.record.root.erc20_predicate, ROLES)
    admin, manager = accounts[forks.chains.settings.admin], forks.record.root.root_chain_manager
    with forks.root.used():
        predicate.revokeRole(ROLE, manager, sender=admin)
    [wrong] = unsound(on_forks(forks))
    assert "RootChainManager has MANAGER_ROLE" in wrong
    assert unsound(on_base(forks)) == []
