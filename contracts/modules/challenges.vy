# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Challenges of committed rounds
@license MIT
@notice One record a round: who challenged it, when, for what bond, and how it ended.
@dev Holds storage. A veto is a challenge without a bond; there are at most 3 in any 30 days.
"""


# @dev Values of `Challenge.outcome`. `VOID`, an answer that did not come in time, is not stored.
OPEN: constant(uint256) = 0
UPHELD: constant(uint256) = 1
REPLACED: constant(uint256) = 2
VOID: constant(uint256) = 3


# @dev A challenge; zeros where there is none. `challenged_at` in seconds, `bond` in U.
struct Challenge:
    challenger: address
    challenged_at: uint256
    bond: uint256
    outcome: uint256
    bond_settled: bool


# @dev The least bond, 100 NMR in U, and the part of the stake that it is where that is more.
_MIN_BOND: constant(uint256) = 100 * 10**9
_BOND_PART: constant(uint256) = 1_000


# @dev Seconds in which there are at most three vetoes.
_VETO_SPAN: constant(uint256) = 30 * 86_400


_M2: constant(uint256) = 2**2 - 1
_M32: constant(uint256) = 2**32 - 1
_M40: constant(uint256) = 2**40 - 1
_M56: constant(uint256) = 2**56 - 1
_M160: constant(uint256) = 2**160 - 1


# @dev By round: challenger 160 | challenged at 32 | bond 56 | outcome 2 | bond settled 1, from the
# lowest bit; 5 unused.
_challenges: HashMap[uint256, uint256]


# @dev By round: its challenge's id.
_ids: HashMap[uint256, bytes32]


# @dev Block times in seconds of the last three vetoes, 40 bits each, the oldest one highest.
_vetoes: uint256


event Challenged:
    round: indexed(uint256)
    challenger: indexed(address)
    challenge_id: bytes32
    bond: uint256
    evidence: bytes32


@internal
def _open(k: uint256, challenger: address, bond: uint256, evidence: bytes32) -> bytes32:
    """
    @dev The caller checks that the round may be challenged.
    @param k The round.
    @param challenger Who challenges it.
    @param bond The bond, in U.
    @param evidence Hash of what speaks against the round's result.
    @return bytes32 The challenge's id.
    """
    challenge_id: bytes32 = keccak256(abi_encode(k, challenger, block.timestamp, evidence))
    self._ids[k] = challenge_id
    self._store(
        k,
        Challenge(
            challenger=challenger,
            challenged_at=block.timestamp,
            bond=bond,
            outcome=OPEN,
            bond_settled=False,
        ),
    )
    log Challenged(
        round=k, challenger=challenger, challenge_id=challenge_id, bond=bond, evidence=evidence
    )
    return challenge_id


@internal
def _count_veto():
    """
    @dev Reverts if the last three vetoes, and this one, fall into 30 days.
    """
    vetoes: uint256 = self._vetoes
    assert block.timestamp >= (vetoes >> 80) + _VETO_SPAN, "challenge: too many vetoes"
    self._vetoes = ((vetoes << 40) & (_M40 * (2**40 + 2**80))) | block.timestamp


@internal
@pure
def _bond_for(staked: uint256) -> uint256:
    """
    @param staked All stake in the pool, in U.
    @return uint256 The bond of a challenge, in U: 0.1 % of it, at least 100 NMR.
    """
    return max(_MIN_BOND, staked // _BOND_PART)


@internal
@view
def _load(k: uint256) -> Challenge:
    """
    @param k Any round.
    @return Challenge Its challenge.
    """
    word: uint256 = self._challenges[k]
    return Challenge(
        challenger=convert(word & _M160, address),
        challenged_at=(word >> 160) & _M32,
        bond=(word >> 192) & _M56,
        outcome=(word >> 248) & _M2,
        bond_settled=(word >> 250) == 1,
    )


@internal
def _store(k: uint256, challenge: Challenge):
    """
    @param k The round.
    @param challenge Values inside their bits.
    """
    self._challenges[k] = (
        convert(challenge.challenger, uint256)
        | (challenge.challenged_at << 160)
        | (challenge.bond << 192)
        | (challenge.outcome << 248)
        | (convert(challenge.bond_settled, uint256) << 250)
    )
