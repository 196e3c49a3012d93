"""Polygon's contracts as they are deployed on two local chains, and messages over its FxPortal."""

from collections.abc import Iterator
from typing import Any

import pytest
from eth_utils import keccak
from faulty_rpc import FaultyRpc
from two_chains import TwoChains, two_chains

from oracle.bridge.exits import exit_proof, message_logs
from oracle.bridge.interfaces import CHILD_CHAIN_MANAGER, FX_CHILD, FX_ROOT
from oracle.chain.keys import dev_account
from oracle.chain.rpc import connect
from oracle.devnet.artifacts import portal_artifacts
from oracle.devnet.portal import deploy_portal
from oracle.errors import EnvironmentLacksError, RefusedError

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]

STRANGER = 11


@pytest.fixture(scope="module")
def both() -> Iterator[TwoChains]:
    with two_chains() as chains:
        yield chains


@pytest.fixture
def chains(both: TwoChains) -> Iterator[TwoChains]:
    with both.undone():
        yield both


# ---------------------------------------------------------------------- deploying


class OtherNode(FaultyRpc):
    """A node that says it is no development node."""

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = super().answer(request)
        if request["method"] == "web3_clientVersion":
            answer["result"] = "Geth/v1.16.0"
        return answer


@pytest.mark.parametrize("side", ["root", "child"])
def test_deploy_portal__node_is_no_local_one__sends_nothing(chains: TwoChains, side: str) -> None:
    webs = {"root": chains.root_web3, "child": chains.child_web3}
    heads = chains.root.head, chains.child.head
    with OtherNode(getattr(chains, side).url) as other:
        webs[side] = connect(other.url)
        with pytest.raises(RefusedError, match="is no local one: Geth"):
            deploy_portal(webs["root"], webs["child"], chains.settings)
    assert (chains.root.head, chains.child.head) == heads


def test_deploy_portal__other_code_at_the_receivers_address__is_refused(chains: TwoChains) -> None:
    receiver = chains.record.child.state_receiver
    chains.child.ask("anvil_setCode", receiver, "0x60006000fd")
    with pytest.raises(EnvironmentLacksError, match="has another contract at"):
        deploy_portal(chains.root_web3, chains.child_web3, chains.settings)


def test_deploy_portal__finished__every_role_and_mapping_is_in_place(chains: TwoChains) -> None:
    root, child = chains.record.root, chains.record.child
    manager = chains.manager.functions
    assert manager.rootToChildToken(root.token).call() == child.token
    assert manager.childToRootToken(child.token).call() == root.token
    kind = manager.tokenToType(root.token).call()
    assert manager.typeToPredicate(kind).call() == root.erc20_predicate
    assert manager.stateSenderAddress().call() == root.state_sender
    assert manager.checkpointManagerAddress().call() == root.checkpoint_manager
    assert manager.childChainManagerAddress().call() == child.child_chain_manager
    below = chains.child_web3.eth.contract(
        address=child.child_chain_manager, abi=CHILD_CHAIN_MANAGER
    )
    assert below.functions.rootToChildToken(root.token).call() == child.token
    depositor = keccak(text="DEPOSITOR_ROLE")
    token = chains.child_token.functions
    assert token.hasRole(depositor, child.child_chain_manager).call()
    assert not token.hasRole(depositor, dev_account(chains.settings.admin).address).call()
    fx_root = chains.root_web3.eth.contract(address=root.fx_root, abi=FX_ROOT)
    fx_child = chains.child_web3.eth.contract(address=child.fx_child, abi=FX_CHILD)
    assert fx_root.functions.fxChild().call() == child.fx_child
    assert fx_child.functions.fxRoot().call() == root.fx_root


# ---------------------------------------------------------------------- messages over FxPortal


@pytest.fixture
def tunnel(chains: TwoChains) -> tuple[Any, Any]:
    """FxPortal's own example of a tunnel: its ends on the root and on the child chain."""
    made = []
    for web3, name, arguments in (
        (
            chains.root_web3,
            "FxStateRootTunnel",
            (chains.record.root.checkpoint_manager, chains.record.root.fx_root),
        ),
        (chains.child_web3, "FxStateChildTunnel", (chains.record.child.fx_child,)),
    ):
        artifact = portal_artifacts()[name]
        contract = web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        receipt = chains.done(web3, contract.constructor(*arguments), STRANGER, gas=5_000_000)
        made.append(web3.eth.contract(address=receipt["contractAddress"], abi=artifact.abi))
    root, child = made
    chains.done(chains.root_web3, root.functions.setFxChildTunnel(child.address), STRANGER)
    chains.done(chains.child_web3, child.functions.setFxRootTunnel(root.address), STRANGER)
    return root, child


def test_fx_portal__message_down__arrives(chains: TwoChains, tunnel: tuple[Any, Any]) -> None:
    root, child = tunnel
    chains.done(chains.root_web3, root.functions.sendMessageToChild(b"down"), STRANGER)
    [synced] = chains.settle_syncs()
    assert synced.ok
    assert child.functions.latestData().call() == b"down"
    assert child.functions.latestRootMessageSender().call() == root.address


@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "typed"])
def test_fx_portal__message_up__is_proved(
    chains: TwoChains, tunnel: tuple[Any, Any], legacy: bool
) -> None:
    root, child = tunnel
    call = child.functions.sendMessageToRoot(b"up" * 100)
    sent = chains.done(chains.child_web3, call, STRANGER, legacy=legacy)
    chains.checkpoint()
    [place] = message_logs(sent, child.address)
    digest = sent["transactionHash"]
    proved = exit_proof(chains.root_web3, chains.child_web3, chains.record, digest, place)
    receive = root.functions.receiveMessage(proved.payload)
    chains.done(chains.root_web3, receive, STRANGER)
    assert root.functions.latestData().call() == b"up" * 100
    assert root.functions.processedExits(proved.id).call()
    assert chains.send(chains.root_web3, receive, STRANGER)["status"] == 0
