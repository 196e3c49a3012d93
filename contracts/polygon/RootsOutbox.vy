# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title RootsOutbox
@custom:contract-name RootsOutbox
@license MIT
@notice Tells the root chain what a final round published: its manifest and the Merkle root of its
        meta model. The message is an event as FxPortal's tunnels log it; once its block is in a
        checkpoint, anyone proves it to RootsInbox.
@dev Anyone sends, as often as they like: RoundOracle answers for the content, which cannot change
     any more. No storage; holds nothing; cannot be stopped.
"""


from ..interfaces import IRoundOracle
from ..interfaces import IRoundOracleViews


# What this contract calls on RoundOracle besides.
interface IResults:
    def is_result(
        k: uint256, announce_hash: bytes32, result: IRoundOracle.Result
    ) -> bool: view
    def POOL() -> address: view
    def TOURNAMENT() -> uint256: view


# @dev Version of the message.
_VERSION: constant(uint256) = 1


# @dev The tournament's RoundOracle.
ORACLE: public(immutable(address))


# FxPortal's event. The message is abi_encode(version, chain id, pool, tournament, round, manifest,
# meta root, block time from which the round is final).
event MessageSent:
    message: Bytes[256]


@deploy
def __init__(oracle: address):
    """
    @param oracle The tournament's RoundOracle.
    """
    assert oracle != empty(address), "outbox: zero address"
    ORACLE = oracle


@external
def send(k: uint256, announce_hash: bytes32, result: IRoundOracle.Result):
    """
    @notice Logs what a final round published. Anybody.
    @param k The round.
    @param announce_hash The hash of its announcement, as `Announced` logged it.
    @param result Its result, as `Committed` or `Confirmed` logged it.
    """
    oracle: IResults = IResults(ORACLE)
    assert staticcall oracle.is_result(k, announce_hash, result), "outbox: not final"
    round: IRoundOracleViews.Round = staticcall IRoundOracleViews(ORACLE).round_of(k)
    log MessageSent(
        message=abi_encode(
            _VERSION,
            chain.id,
            staticcall oracle.POOL(),
            staticcall oracle.TOURNAMENT(),
            k,
            result.manifest,
            result.meta_root,
            round.final_at,
        )
    )
