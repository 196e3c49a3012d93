# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Records of rounds
@license MIT
@notice What is stored of each round, and of the last one: a word each.
@dev Holds storage. Packs and unpacks only: the caller checks every value.
"""


# @dev The last announced round (0 before the first), its close and phi; then what the next
# announcement takes: epoch of signers, template, signatures that a Commit and a Confirm need.
struct Latest:
    number: uint256
    closes: uint256
    phi: uint256
    epoch: uint256
    template: uint256
    threshold: uint256
    super_quorum: uint256


# @dev A round. Its announcement fixes the first eight fields; a `template` of 0 is a cancelled
# round. Its commit fixes `at_risk` (U), `words` and `final_at`, which are zeros before it.
# `challenged` says that a challenge waits for its answer, or never got it.
struct Round:
    opens: uint256
    closes: uint256
    horizon: uint256
    phi: uint256
    epoch: uint256
    template: uint256
    threshold: uint256
    super_quorum: uint256
    at_risk: uint256
    words: uint256
    final_at: uint256
    challenged: bool


_M4: constant(uint256) = 2**4 - 1
_M12: constant(uint256) = 2**12 - 1
_M19: constant(uint256) = 2**19 - 1
_M20: constant(uint256) = 2**20 - 1
_M32: constant(uint256) = 2**32 - 1
_M56: constant(uint256) = 2**56 - 1


# @dev Number 32 | closes 32 | phi 20 | epoch 12 | template 12 | threshold 4 | super-quorum 4, from
# the lowest bit; 140 unused.
_latest: uint256


# @dev By round: opens 32 | closes 32 | horizon 32 | phi 20 | epoch 12 | template 12 | threshold 4
# | super-quorum 4 | at risk 56 | words 19 | final at 32 | challenged 1, from the lowest bit.
_rounds: HashMap[uint256, uint256]


@internal
@view
def _load_latest() -> Latest:
    """
    @return Latest The fields of `_latest`.
    """
    word: uint256 = self._latest
    return Latest(
        number=word & _M32,
        closes=(word >> 32) & _M32,
        phi=(word >> 64) & _M20,
        epoch=(word >> 84) & _M12,
        template=(word >> 96) & _M12,
        threshold=(word >> 108) & _M4,
        super_quorum=word >> 112,
    )


@internal
def _store_latest(latest: Latest):
    """
    @param latest Values inside their bits.
    """
    self._latest = (
        latest.number
        | (latest.closes << 32)
        | (latest.phi << 64)
        | (latest.epoch << 84)
        | (latest.template << 96)
        | (latest.threshold << 108)
        | (latest.super_quorum << 112)
    )


@internal
@view
def _load(k: uint256) -> Round:
    """
    @param k Any round.
    @return Round Its fields; zeros before its announcement. An announced close is never zero.
    """
    word: uint256 = self._rounds[k]
    return Round(
        opens=word & _M32,
        closes=(word >> 32) & _M32,
        horizon=(word >> 64) & _M32,
        phi=(word >> 96) & _M20,
        epoch=(word >> 116) & _M12,
        template=(word >> 128) & _M12,
        threshold=(word >> 140) & _M4,
        super_quorum=(word >> 144) & _M4,
        at_risk=(word >> 148) & _M56,
        words=(word >> 204) & _M19,
        final_at=(word >> 223) & _M32,
        challenged=(word >> 255) == 1,
    )


@internal
def _store(k: uint256, round: Round):
    """
    @param k The round.
    @param round Values inside their bits.
    """
    self._rounds[k] = (
        round.opens
        | (round.closes << 32)
        | (round.horizon << 64)
        | (round.phi << 96)
        | (round.epoch << 116)
        | (round.template << 128)
        | (round.threshold << 140)
        | (round.super_quorum << 144)
        | (round.at_risk << 148)
        | (round.words << 204)
        | (round.final_at << 223)
        | (convert(round.challenged, uint256) << 255)
    )
