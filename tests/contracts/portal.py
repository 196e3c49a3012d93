"""Polygon's bridge in one in-process EVM: its own contracts on either side, compiled at set-up."""

import json
from dataclasses import dataclass, field
from typing import Any

import boa
import rlp
from assay_system import compiled
from child_chain import CHILD_CHAIN, ChildChain
from eth_abi import decode, encode
from eth_utils import keccak, to_canonical_address, to_checksum_address

from oracle.devnet.artifacts import portal_artifacts

STATE_RECEIVER = "0x0000000000000000000000000000000000001001"
SYSTEM = "0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE"
STATE_SYNCED = int.from_bytes(keccak(text="StateSynced(uint256,address,bytes)"), "big")
ERC20 = keccak(text="ERC20")


def solidity(name: str, *arguments: Any) -> Any:
    """Deploys one of Polygon's contracts."""
    artifact = portal_artifacts()[name]
    types = [
        value["type"]
        for entry in artifact.abi
        if entry["type"] == "constructor"
        for value in entry["inputs"]
    ]
    address, _ = boa.env.deploy_code(bytecode=artifact.bytecode + encode(types, arguments))
    return at(name, address)


def at(name: str, address: Any) -> Any:
    """What is at an address, by the interface of the contract ``name``."""
    return boa.loads_abi(json.dumps(portal_artifacts()[name].abi), name=name).at(address)


def behind_proxy(name: str) -> Any:
    return at(name, solidity(f"{name}Proxy", solidity(name).address).address)


def child_token(manager: str) -> Any:
    """NMR as the child chain has it; ``manager`` mints."""
    token = behind_proxy("UChildERC20")
    token.initialize("Numeraire (PoS)", "NMR", 18, manager)
    return token


def mint(token: Any, manager: str, account: Any, wei: int) -> None:
    """A deposit's last step."""
    token.deposit(account, encode(["uint256"], [wei]), sender=manager)


def synced(contract: Any) -> list[tuple[int, str, bytes]]:
    """Id, receiver and data of the messages to the child chain that the last call on a contract
    sent."""
    return [
        (topics[1], to_checksum_address(topics[2].to_bytes(20, "big")), decode(["bytes"], data)[0])
        for _, _, topics, data in contract._computation.get_raw_log_entries()
        if topics[0] == STATE_SYNCED
    ]


@dataclass
class Portal:
    """Both ends of the PoS portal and of FxPortal; the deployer is admin and has all NMR."""

    chain: ChildChain = field(default_factory=ChildChain)
    token_owner: str = field(default_factory=lambda: str(boa.env.generate_address()))

    def __post_init__(self) -> None:
        admin = str(boa.env.eoa)
        boa.env.set_code(STATE_RECEIVER, portal_artifacts()["StateReceiver"].runtime)
        self.receiver = at("StateReceiver", STATE_RECEIVER)
        self.child_manager = behind_proxy("ChildChainManager")
        self.child_manager.initialize(admin)
        self.child_manager.grantRole(keccak(text="STATE_SYNCER_ROLE"), STATE_RECEIVER)
        self.child_token = child_token(self.child_manager.address)
        self.fx_child = solidity("FxChild")

        self.token = compiled("contracts/devnet/RootNmr.vy").deploy(self.token_owner, admin)
        self.sender = compiled("contracts/devnet/StateSender.vy").deploy()
        self.manager = behind_proxy("RootChainManager")
        self.manager.initialize(admin)
        self.predicate = behind_proxy("ERC20Predicate")
        self.predicate.initialize(admin)
        self.predicate.grantRole(keccak(text="MANAGER_ROLE"), self.manager.address)
        self.manager.setStateSender(self.sender.address)
        self.manager.setCheckpointManager(self.chain.manager.address)
        self.manager.setChildChainManagerAddress(self.child_manager.address)
        self.manager.registerPredicate(ERC20, self.predicate.address)
        self.fx_root = solidity("FxRoot", self.sender.address)
        self.fx_root.setFxChild(self.fx_child.address)
        self.fx_child.setFxRoot(self.fx_root.address)
        self.sender.register(self.manager.address, self.child_manager.address)
        self.sender.register(self.fx_root.address, self.fx_child.address)
        self.manager.mapToken(self.token.address, self.child_token.address, ERC20)
        self.deliver(self.manager)

    def deliver(self, contract: Any) -> bool:
        """Commits on the child chain what the last call on ``contract`` sent; whether its
        receiver took it."""
        [(id, receiver, data)] = synced(contract)
        record = rlp.encode(
            [id, to_canonical_address(receiver), data, bytes(32), 0, str(CHILD_CHAIN).encode()]
        )
        return bool(self.receiver.commitState(0, record, sender=SYSTEM))
