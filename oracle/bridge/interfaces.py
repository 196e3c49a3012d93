"""Interfaces of the bridge's contracts, as far as they are called or listened to."""

from typing import Any

Abi = list[dict[str, Any]]


def _arguments(text: str) -> list[dict[str, Any]]:
    found = []
    for part in filter(None, text.split(",")):
        kind, *rest = part.split()
        entry: dict[str, Any] = {"type": kind, "name": rest[-1] if rest else ""}
        if "indexed" in rest[:-1]:
            entry["indexed"] = True
        found.append(entry)
    return found


def _split(signature: str) -> tuple[str, str]:
    name, _, arguments = signature.removesuffix(")").partition("(")
    return name, arguments


def _call(signature: str) -> dict[str, Any]:
    """A function that changes state: ``name(type name,..)``."""
    name, arguments = _split(signature)
    inputs = _arguments(arguments)
    kind = {"type": "function", "stateMutability": "nonpayable"}
    return kind | {"name": name, "inputs": inputs, "outputs": []}


def _view(signature: str, outputs: str) -> dict[str, Any]:
    """A function that answers ``type name,..``."""
    return _call(signature) | {"stateMutability": "view", "outputs": _arguments(outputs)}


def _event(signature: str) -> dict[str, Any]:
    """An event: ``name(type indexed name,..)``."""
    name, arguments = _split(signature)
    inputs = [{"indexed": False} | entry for entry in _arguments(arguments)]
    return {"type": "event", "name": name, "inputs": inputs, "anonymous": False}


_ERC20 = [
    _view("balanceOf(address account)", "uint256"),
    _view("totalSupply()", "uint256"),
    _view("allowance(address owner,address spender)", "uint256"),
    _call("approve(address spender,uint256 amount)"),
    _call("transfer(address to,uint256 amount)"),
    _call("transferFrom(address from,address to,uint256 amount)"),
    _event("Transfer(address indexed from,address indexed to,uint256 value)"),
]
_ROLES = [
    _view("hasRole(bytes32 role,address account)", "bool"),
    _view("getRoleMemberCount(bytes32 role)", "uint256"),
    _view("getRoleMember(bytes32 role,uint256 index)", "address"),
    _call("grantRole(bytes32 role,address account)"),
]

ROOT_TOKEN: Abi = [
    *_ERC20,
    _view("stopped()", "bool"),
    _call("changeApproval(address spender,uint256 oldValue,uint256 newValue)"),
    _call("mint(uint256 value)"),
]
"""NMR on Ethereum: ``mint`` destroys the caller's tokens."""

CHILD_TOKEN: Abi = [*_ERC20, *_ROLES, _call("withdraw(uint256 amount)")]

ROOT_CHAIN_MANAGER: Abi = [
    *_ROLES,
    _call("depositFor(address user,address rootToken,bytes depositData)"),
    _call("exit(bytes inputData)"),
    _view("processedExits(bytes32 id)", "bool"),
    _view("rootToChildToken(address rootToken)", "address"),
    _view("childToRootToken(address childToken)", "address"),
    _view("tokenToType(address rootToken)", "bytes32"),
    _view("typeToPredicate(bytes32 tokenType)", "address"),
    _view("stateSenderAddress()", "address"),
    _view("checkpointManagerAddress()", "address"),
    _view("childChainManagerAddress()", "address"),
]

ERC20_PREDICATE: Abi = [
    *_ROLES,
    _event(
        "LockedERC20(address indexed depositor,address indexed depositReceiver,"
        "address indexed rootToken,uint256 amount)"
    ),
]

STATE_SENDER: Abi = [
    _view("counter()", "uint256"),
    _view("registrations(address receiver)", "address"),
    _event("StateSynced(uint256 indexed id,address indexed contractAddress,bytes data)"),
]

STATE_RECEIVER: Abi = [
    _view("lastStateId()", "uint256"),
    _view("failedStateSyncs(uint256 id)", "bytes"),
    _call("replayFailedStateSync(uint256 stateId)"),
    _call("commitState(uint256 syncTime,bytes recordBytes)"),
    _event("StateCommitted(uint256 indexed stateId,bool success)"),
    _event("StateSyncReplay(uint256 indexed stateId)"),
]

CHECKPOINT_MANAGER: Abi = [
    _view("currentHeaderBlock()", "uint256"),
    _view("getLastChildBlock()", "uint256"),
    _view(
        "headerBlocks(uint256 id)",
        "bytes32 root,uint256 start,uint256 end,uint256 createdAt,address proposer",
    ),
    _call("submitCheckpoint(bytes data,uint256[3][] sigs)"),
    _event(
        "NewHeaderBlock(address indexed proposer,uint256 indexed headerBlockId,"
        "uint256 indexed reward,uint256 start,uint256 end,bytes32 root)"
    ),
]

CHILD_CHAIN_MANAGER: Abi = [
    *_ROLES,
    _view("rootToChildToken(address rootToken)", "address"),
    _view("childToRootToken(address childToken)", "address"),
]

FX_ROOT: Abi = [
    _view("fxChild()", "address"),
    _view("stateSender()", "address"),
    _call("sendMessageToChild(address receiver,bytes data)"),
]

FX_CHILD: Abi = [_view("fxRoot()", "address")]

PROXY: Abi = [_view("proxyOwner()", "address"), _view("implementation()", "address")]
"""Every contract of the portal stands behind one."""

OWNED: Abi = [_view("owner()", "address")]
