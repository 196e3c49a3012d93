# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title CheckpointManager: a stand-in for Polygon's RootChain, FOR LOCAL CHAINS ONLY
@custom:contract-name CheckpointManager
@license MIT
@notice On the root chain: keeps the Merkle roots of ranges of the child chain's blocks that
        validators with more than two thirds of the stake have signed. Interface and behaviour of
        RootChain, and of how StakeManager counts signatures; the validators never change.
"""


# @dev Distance of two checkpoints' ids, and the first id.
MAX_DEPOSITS: constant(uint256) = 10_000
MAX_VALIDATORS: constant(uint256) = 105


struct HeaderBlock:
    root: bytes32
    start: uint256
    end: uint256
    createdAt: uint256
    proposer: address


event NewHeaderBlock:
    proposer: indexed(address)
    headerBlockId: indexed(uint256)
    reward: indexed(uint256)
    start: uint256
    end: uint256
    root: bytes32


CHAINID: public(immutable(uint256))


# @dev By validator: its stake, in any unit.
power: public(HashMap[address, uint256])
totalPower: public(uint256)


# @dev By id: a checkpoint; of blocks `start` to `end`, both included.
headerBlocks: public(HashMap[uint256, HeaderBlock])
_nextHeaderBlock: public(uint256)


@deploy
def __init__(
    child_chain: uint256,
    validators: DynArray[address, MAX_VALIDATORS],
    powers: DynArray[uint256, MAX_VALIDATORS],
):
    """
    @param child_chain The child chain's id.
    @param validators Who signs, each once.
    @param powers The stake of each.
    """
    assert len(validators) == len(powers), "checkpoints: one power a validator"
    CHAINID = child_chain
    self._nextHeaderBlock = MAX_DEPOSITS
    total: uint256 = 0
    for i: uint256 in range(len(validators), bound=MAX_VALIDATORS):
        assert self.power[validators[i]] == 0 and powers[i] != 0, "checkpoints: validator twice"
        self.power[validators[i]] = powers[i]
        total += powers[i]
    self.totalPower = total


@external
@view
def currentHeaderBlock() -> uint256:
    """
    @return uint256 Id of the newest checkpoint, 0 before the first.
    """
    return self._nextHeaderBlock - MAX_DEPOSITS


@external
@view
def getLastChildBlock() -> uint256:
    """
    @return uint256 The last block of the newest checkpoint, 0 before the first.
    """
    return self.headerBlocks[self._nextHeaderBlock - MAX_DEPOSITS].end


@external
def submitCheckpoint(data: Bytes[192], sigs: DynArray[uint256[3], MAX_VALIDATORS]):
    """
    @notice Adds a checkpoint that begins behind the newest one. Anyone may send it.
    @param data Proposer, first and last block, root, a hash that is not used, the child chain's id.
    @param sigs r, s and v of signatures over keccak(0x01 | data), by ascending signer. Those behind
                one that is out of order do not count.
    """
    assert len(data) == 192, "checkpoints: malformed"
    proposer: address = empty(address)
    start: uint256 = 0
    end: uint256 = 0
    root: bytes32 = empty(bytes32)
    account: bytes32 = empty(bytes32)
    chain_id: uint256 = 0
    proposer, start, end, root, account, chain_id = abi_decode(
        data, (address, uint256, uint256, bytes32, bytes32, uint256)
    )
    assert chain_id == CHAINID, "Invalid bor chain id"
    id: uint256 = self._nextHeaderBlock
    due: uint256 = 0
    if id > MAX_DEPOSITS:
        due = self.headerBlocks[id - MAX_DEPOSITS].end + 1
    assert start == due and start <= end, "INCORRECT_HEADER_DATA"
    assert (
        self._signed_power(keccak256(concat(0x01, data)), sigs) >= self.totalPower * 2 // 3 + 1
    ), "2/3+1 non-majority!"
    self.headerBlocks[id] = HeaderBlock(
        root=root, start=start, end=end, createdAt=block.timestamp, proposer=proposer
    )
    self._nextHeaderBlock = id + MAX_DEPOSITS
    log NewHeaderBlock(
        proposer=proposer, headerBlockId=id, reward=1, start=start, end=end, root=root
    )


@internal
@view
def _signed_power(
    digest: bytes32, sigs: DynArray[uint256[3], MAX_VALIDATORS]
) -> uint256:
    """
    @param digest What was signed.
    @param sigs The signatures.
    @return uint256 The stake of the validators among the signers, each counted once.
    """
    last: address = empty(address)
    found: uint256 = 0
    for signature: uint256[3] in sigs:
        v: uint256 = signature[2]
        if v < 27:
            v += 27
        signer: address = ecrecover(digest, v, signature[0], signature[1])
        if signer == last:
            continue
        if convert(signer, uint160) < convert(last, uint160):
            break
        if self.power[signer] != 0:
            last = signer
            found += self.power[signer]
    return found
