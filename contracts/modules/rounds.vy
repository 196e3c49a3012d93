# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Records of rounds
@license MIT
@notice What is stored of each round, and of the last one.
@dev Holds storage. Packs and unpacks only: the caller checks every value.
"""


# @dev The last announced round (0 before the first), its close and phi, and the epoch of signers
# and the template that the next announcement takes.
struct Latest:
    number: uint256
    closes: uint256
    phi: uint256
    epoch: uint256
    template: uint256


# @dev What an announcement fixes. `template` numbers a template of this contract.
struct Announcement:
    opens: uint256
    closes: uint256
    horizon: uint256
    phi: uint256
    epoch: uint256
    template: uint256


# @dev What a commit fixes, besides the head of the batch chain. `at_risk` in U.
struct Commitment:
    at_risk: uint256
    words: uint256
    committed_at: uint256


_M19: constant(uint256) = 2**19 - 1
_M20: constant(uint256) = 2**20 - 1
_M32: constant(uint256) = 2**32 - 1
_M40: constant(uint256) = 2**40 - 1
_M56: constant(uint256) = 2**56 - 1


# @dev Latest: number 32 | closes 40 | phi 20 | epoch 32 | template 32, from the lowest bit.
_latest: uint256


# @dev By round: opens 40 | closes 40 | horizon 40 | phi 20 | epoch 32 | template 32; 52 unused.
_announcements: HashMap[uint256, uint256]


# @dev By round: at risk 56 | words 19 | time of the commit 40; 141 unused.
_commitments: HashMap[uint256, uint256]


@internal
@view
def _load_latest() -> Latest:
    """
    @return Latest The fields of `_latest`.
    """
    word: uint256 = self._latest
    return Latest(
        number=word & _M32,
        closes=(word >> 32) & _M40,
        phi=(word >> 72) & _M20,
        epoch=(word >> 92) & _M32,
        template=(word >> 124) & _M32,
    )


@internal
def _store_latest(latest: Latest):
    """
    @param latest Values inside their bits.
    """
    self._latest = (
        latest.number
        | (latest.closes << 32)
        | (latest.phi << 72)
        | (latest.epoch << 92)
        | (latest.template << 124)
    )


@internal
@view
def _announcement(k: uint256) -> Announcement:
    """
    @param k Any round.
    @return Announcement What the announcement fixed; zeros before it. A close is never zero.
    """
    word: uint256 = self._announcements[k]
    return Announcement(
        opens=word & _M40,
        closes=(word >> 40) & _M40,
        horizon=(word >> 80) & _M40,
        phi=(word >> 120) & _M20,
        epoch=(word >> 140) & _M32,
        template=(word >> 172) & _M32,
    )


@internal
def _store_announcement(k: uint256, announcement: Announcement):
    """
    @param k The round.
    @param announcement Values inside their bits.
    """
    self._announcements[k] = (
        announcement.opens
        | (announcement.closes << 40)
        | (announcement.horizon << 80)
        | (announcement.phi << 120)
        | (announcement.epoch << 140)
        | (announcement.template << 172)
    )


@internal
@view
def _commitment(k: uint256) -> Commitment:
    """
    @param k Any round.
    @return Commitment What the commit fixed; zeros before it.
    """
    word: uint256 = self._commitments[k]
    return Commitment(
        at_risk=word & _M56, words=(word >> 56) & _M19, committed_at=(word >> 75) & _M40
    )


@internal
def _store_commitment(k: uint256, commitment: Commitment):
    """
    @param k The round.
    @param commitment Values inside their bits.
    """
    self._commitments[k] = (
        commitment.at_risk | (commitment.words << 56) | (commitment.committed_at << 75)
    )
