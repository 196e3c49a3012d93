# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title What operators sign
@license MIT
@notice The EIP-712 structs Commit and Confirm, and what both say of a round.
@dev No storage. The types are specified in docs/formats.md, section 7.
"""


from ..interfaces import IRoundOracle


# @dev One operator's word on a round: a Commit where `challenge_id` is zero, else a Confirm.
struct Statement:
    epoch: uint256
    announce_hash: bytes32
    result: IRoundOracle.Result
    challenge_id: bytes32


_COMMIT_TYPE: constant(bytes32) = keccak256(
    "Commit(address pool,uint256 tournament,uint256 round,uint256 epoch,bytes32 announce_hash,bytes32 close_block_hash,bytes32 chain_head,uint256 at_risk,uint256 words,bytes32 manifest,bytes32 meta_root)"
)
_CONFIRM_TYPE: constant(bytes32) = keccak256(
    "Confirm(address pool,uint256 tournament,uint256 round,uint256 epoch,bytes32 announce_hash,bytes32 close_block_hash,bytes32 chain_head,uint256 at_risk,uint256 words,bytes32 manifest,bytes32 meta_root,bytes32 challenge_id)"
)


@internal
@pure
def _hash(pool: address, tournament: uint256, k: uint256, said: Statement) -> bytes32:
    """
    @param pool The tournament's StakePool.
    @param tournament The tournament's number.
    @param k The round.
    @param said What is said of it.
    @return bytes32 EIP-712's hashStruct of the Commit or Confirm.
    """
    if said.challenge_id == empty(bytes32):
        return keccak256(
            abi_encode(
                _COMMIT_TYPE, pool, tournament, k, said.epoch, said.announce_hash, said.result
            )
        )
    return keccak256(
        abi_encode(
            _CONFIRM_TYPE,
            pool,
            tournament,
            k,
            said.epoch,
            said.announce_hash,
            said.result,
            said.challenge_id,
        )
    )
