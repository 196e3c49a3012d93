# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title MerkleClaims
@custom:contract-name MerkleClaims
@license MIT
@notice A peer to compare with, FOR BENCHMARKS ONLY: the common token distributor. One key posts a
        Merkle root a round; each model's payment is claimed with a proof, and one bit says that it
        was. The chain checks neither how a payment came about nor that the tokens suffice, holds
        no stakes and burns nothing.
"""


from ethereum.ercs import IERC20


# @dev A proof of depth 20 serves 2^20 models.
_MAX_DEPTH: constant(uint256) = 20


# @dev The token that is paid, and the account that posts roots.
TOKEN: immutable(address)
POSTER: immutable(address)


# @dev By round: the root over the leaves of all payments.
roots: public(HashMap[uint256, bytes32])


# @dev By round and model >> 8: bit model & 255 once the model's payment was claimed.
_claimed: HashMap[uint256, HashMap[uint256, uint256]]


event RootPosted:
    round: indexed(uint256)
    root: bytes32


event Claimed:
    round: indexed(uint256)
    model: indexed(uint256)
    account: address
    amount: uint256


@deploy
def __init__(token: address):
    """
    @param token The token that is paid. The deployer posts the roots.
    """
    TOKEN = token
    POSTER = msg.sender


@external
def post(round: uint256, root: bytes32):
    """
    @notice Fixes the payments of a round. Only the poster, once a round.
    @param round The round.
    @param root Merkle root of the leaves.
    """
    assert msg.sender == POSTER, "peer: not poster"
    assert self.roots[round] == empty(bytes32), "peer: posted"
    self.roots[round] = root
    log RootPosted(round=round, root=root)


@external
def claim(
    round: uint256,
    model: uint256,
    account: address,
    amount: uint256,
    proof: DynArray[bytes32, _MAX_DEPTH],
):
    """
    @notice Pays a model for a round. Anyone may call it.
    @param round The round.
    @param model The model's id.
    @param account The receiver, part of the leaf.
    @param amount Wei, part of the leaf.
    @param proof Siblings from the leaf to the root; pairs are hashed in ascending order.
    """
    word: uint256 = self._claimed[round][model >> 8]
    bit: uint256 = 1 << (model & 255)
    assert word & bit == 0, "peer: claimed"
    node: bytes32 = keccak256(keccak256(abi_encode(model, account, amount)))
    for sibling: bytes32 in proof:
        if convert(node, uint256) < convert(sibling, uint256):
            node = keccak256(concat(node, sibling))
        else:
            node = keccak256(concat(sibling, node))
    assert node == self.roots[round], "peer: proof"
    self._claimed[round][model >> 8] = word | bit
    log Claimed(round=round, model=model, account=account, amount=amount)
    assert extcall IERC20(TOKEN).transfer(account, amount), "peer: transfer failed"
