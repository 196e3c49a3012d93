# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title RoundOracle
@custom:contract-name RoundOracle
@license MIT
@notice The rounds of one tournament: announced with all their parameters before they open, then
        given their scores by a commit that m of n operators signed. A commit is final a window
        after it arrived; from then on the StakePool settles it.
@dev Holds no tokens. The announcer chooses times and phi inside fixed bounds and nothing else;
     the operators choose scores and the stake at risk (which can only lower payouts and burns),
     never amounts: multipliers, clips, threshold and hardening come from the template.
     Every byte that is hashed or signed is specified in docs/formats.md, sections 6 and 7.
"""


from ..interfaces import IRoundOracle
from ..interfaces import IStakePool
implements: IRoundOracle


from ..modules import eip712
from ..modules import quorum
initializes: eip712
initializes: quorum


# @dev A tournament's payout rule: kinds (0 none, 1 CORR, 2 MMC, 3 TC, 4 ALPHA, 5 MPC, 6 FNC) and
# multipliers (10^-6) of three scores, clips (10^-12), stake threshold (U), kappa (10^-6).
struct Template:
    kinds: uint256[3]
    multipliers: uint256[3]
    clip_up: uint256
    clip_down: uint256
    threshold: uint256
    kappa: uint256


# @dev Bounds of every round, in seconds. Production values:
# notice      24 h   from the announcement to the close, at least
# gap         20 h   from one close to the next, at least
# max_ahead   14 d   from the announcement to the close, at most
# max_horizon 90 d   from the close to the scores, at most (60 trading days)
# grace        7 d   in which the commit is taken once the horizon has passed
# window       2 d   from the commit to its finality
struct Timing:
    notice: uint256
    gap: uint256
    max_ahead: uint256
    max_horizon: uint256
    grace: uint256
    window: uint256


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


# @dev All about a round. `status`: 0 not announced, 1 announced, 2 committed, 3 final. Fields of
# a step that has not happened are zero.
struct Round:
    status: uint256
    opens: uint256
    closes: uint256
    horizon: uint256
    phi: uint256
    epoch: uint256
    announce_hash: bytes32
    template_hash: bytes32
    chain_head: bytes32
    at_risk: uint256
    words: uint256
    committed_at: uint256
    final_at: uint256


# @dev Values of `Round.status`.
_ANNOUNCED: constant(uint256) = 1
_COMMITTED: constant(uint256) = 2
_FINAL: constant(uint256) = 3


_ONE: constant(uint256) = 10**6
_MIN_PHI: constant(uint256) = 500_000
_MAX_PHI_STEP: constant(uint256) = 100_000
_MAX_CLIP: constant(uint256) = 10**12
_MAX_MULTIPLIER: constant(uint256) = 10**8
_MAX_KAPPA: constant(uint256) = 10**6
_MAX_KIND: constant(uint256) = 6
_MAX_SECONDS: constant(uint256) = 2**32 - 1
_MAX_WORDS: constant(uint256) = 2**18
_MAX_AMOUNT: constant(uint256) = 2**56 - 1


_M3: constant(uint256) = 2**3 - 1
_M19: constant(uint256) = 2**19 - 1
_M20: constant(uint256) = 2**20 - 1
_M27: constant(uint256) = 2**27 - 1
_M32: constant(uint256) = 2**32 - 1
_M40: constant(uint256) = 2**40 - 1


_COMMIT_TYPE: constant(bytes32) = keccak256(
    "Commit(address pool,uint256 tournament,uint256 round,uint256 epoch,bytes32 announce_hash,bytes32 close_block_hash,bytes32 chain_head,uint256 at_risk,uint256 words,bytes32 manifest,bytes32 meta_root)"
)


# @dev The tournament's StakePool and its number, both part of everything signed.
POOL: public(immutable(address))
TOURNAMENT: public(immutable(uint256))


_TIMING: immutable(Timing)


# @dev The account that announces rounds.
announcer: public(address)


# @dev Latest: number 32 | closes 40 | phi 20 | epoch 32 | template 32, from the lowest bit.
_latest: uint256


# @dev By number, from 1: multipliers 27 | 27 | 27 | clip_up 40 | clip_down 40 | threshold 56 |
# kappa 20 | kinds 3 | 3 | 3, from the lowest bit; 10 unused.
_templates: HashMap[uint256, uint256]


# @dev By round: opens 40 | closes 40 | horizon 40 | phi 20 | epoch 32 | template 32; 52 unused.
_announcements: HashMap[uint256, uint256]


# @dev By round: the hash of all it was announced with.
announce_hash: public(HashMap[uint256, bytes32])


# @dev By round: the first link of its batch chain; zero until the commit.
_chain_heads: HashMap[uint256, bytes32]


# @dev By round: at risk 56 | words 19 | time of the commit 40; 141 unused.
_commitments: HashMap[uint256, uint256]


event TemplateAdded:
    template_hash: indexed(bytes32)
    template: Template


event Announced:
    round: indexed(uint256)
    opens: uint256
    closes: uint256
    horizon: uint256
    phi: uint256
    series_hash: bytes32
    spec_hash: bytes32
    epoch: uint256
    template_hash: bytes32
    announce_hash: bytes32


event Committed:
    round: indexed(uint256)
    chain_head: bytes32
    at_risk: uint256
    words: uint256
    close_block_hash: bytes32
    manifest: bytes32
    meta_root: bytes32
    signers: DynArray[address, 16]


@deploy
def __init__(
    pool: address,
    tournament: uint256,
    announcer: address,
    signers: DynArray[address, quorum.MAX_SIGNERS],
    threshold: uint256,
    template: Template,
    timing: Timing,
):
    """
    @param pool The tournament's StakePool, deployed before or after this contract.
    @param tournament The tournament's number.
    @param announcer The account that announces rounds.
    @param signers The operators, at most 16.
    @param threshold How many operators must agree: more than half, fewer than all.
    @param template The payout rule.
    @param timing The bounds of every round, in seconds.
    """
    assert pool != empty(address) and announcer != empty(address), "oracle: zero address"
    POOL = pool
    TOURNAMENT = tournament
    self.announcer = announcer
    eip712.__init__()
    quorum.__init__(signers, threshold)
    self._check_timing(timing)
    _TIMING = timing
    self._check_template(template)
    self._templates[1] = self._pack_template(template)
    log TemplateAdded(template_hash=self._template_hash(template), template=template)
    # Phi counts as 1 before the first round, so that its first step is bounded as well.
    self._latest = self._pack_latest(
        Latest(number=0, closes=0, phi=_ONE, epoch=quorum.FIRST_EPOCH, template=1)
    )


@external
def announce(
    k: uint256,
    opens: uint256,
    closes: uint256,
    horizon: uint256,
    phi: uint256,
    series_hash: bytes32,
    spec_hash: bytes32,
) -> bytes32:
    """
    @notice Announces round `k` with the template and signers of now. Only the announcer.
    @param k The round, one above the last.
    @param opens The block time in seconds from which submissions are taken, not in the past.
    @param closes The block time in seconds at which the round closes.
    @param horizon Seconds from the close until the commit may come.
    @param phi The payout factor of the round's volatility, at 10^-6.
    @param series_hash Hash of the volatility series behind `phi`; may be zero where `phi` is 1.
    @param spec_hash Hash of the scoring specification's name.
    @return bytes32 The announcement's hash.
    """
    assert msg.sender == self.announcer, "oracle: not announcer"
    latest: Latest = self._unpack_latest()
    assert k == latest.number + 1, "oracle: round order"
    self._check_times(latest, opens, closes, horizon)
    self._check_phi(latest.phi, phi, series_hash)
    assert spec_hash != empty(bytes32), "oracle: zero spec hash"
    template_hash: bytes32 = self._template_hash(self._template(latest.template))
    announced: bytes32 = keccak256(
        abi_encode(
            POOL,
            TOURNAMENT,
            k,
            opens,
            closes,
            horizon,
            phi,
            series_hash,
            spec_hash,
            latest.epoch,
            template_hash,
        )
    )
    self.announce_hash[k] = announced
    self._announcements[k] = self._pack_announcement(
        Announcement(
            opens=opens,
            closes=closes,
            horizon=horizon,
            phi=phi,
            epoch=latest.epoch,
            template=latest.template,
        )
    )
    latest.number = k
    latest.closes = closes
    latest.phi = phi
    self._latest = self._pack_latest(latest)
    log Announced(
        round=k,
        opens=opens,
        closes=closes,
        horizon=horizon,
        phi=phi,
        series_hash=series_hash,
        spec_hash=spec_hash,
        epoch=latest.epoch,
        template_hash=template_hash,
        announce_hash=announced,
    )
    extcall IStakePool(POOL).schedule(k, closes)
    return announced


@external
def commit(
    k: uint256,
    close_block_hash: bytes32,
    chain_head: bytes32,
    at_risk: uint256,
    words: uint256,
    manifest: bytes32,
    meta_root: bytes32,
    signatures: DynArray[Bytes[65], quorum.MAX_SIGNERS],
):
    """
    @notice Gives an announced round its scores. Anyone may send what the operators signed.
    @param k The round.
    @param close_block_hash Hash of the last block before the close.
    @param chain_head First link of the chain of score batches, not zero.
    @param at_risk Stake at risk at the close, in U.
    @param words Words that the models registered at the close take, four models a word.
    @param manifest SHA-256 of the round's manifest.
    @param meta_root Merkle root of the meta model.
    @param signatures Signatures over the Commit, by ascending signer.
    """
    round: Announcement = self._announcement(k)
    assert self._commitments[k] == 0, "oracle: already committed"
    due: uint256 = round.closes + round.horizon
    assert block.timestamp >= due, "oracle: too early"
    assert block.timestamp <= due + _TIMING.grace, "oracle: too late"
    assert chain_head != empty(bytes32), "oracle: zero chain head"
    assert at_risk <= _MAX_AMOUNT, "oracle: at risk"
    assert words <= _MAX_WORDS, "oracle: words"
    digest: bytes32 = self._commit_digest(
        k, round.epoch, close_block_hash, chain_head, at_risk, words, manifest, meta_root
    )
    signers: DynArray[address, quorum.MAX_SIGNERS] = quorum._check(digest, round.epoch, signatures)
    self._chain_heads[k] = chain_head
    self._commitments[k] = at_risk | (words << 56) | (block.timestamp << 75)
    log Committed(
        round=k,
        chain_head=chain_head,
        at_risk=at_risk,
        words=words,
        close_block_hash=close_block_hash,
        manifest=manifest,
        meta_root=meta_root,
        signers=signers,
    )


@external
@view
def settlement(k: uint256) -> IRoundOracle.Settlement:
    """
    @notice Terms of a round whose commit is final. Reverts for any other round.
    @param k The round.
    @return Settlement What the pool computes the round's coefficients from.
    """
    round: Announcement = self._announcement(k)
    commitment: Commitment = self._commitment(k)
    assert commitment.committed_at != 0, "oracle: not committed"
    assert block.timestamp >= commitment.committed_at + _TIMING.window, "oracle: not final"
    template: Template = self._template(round.template)
    return IRoundOracle.Settlement(
        chain_head=self._chain_heads[k],
        words=commitment.words,
        at_risk=commitment.at_risk,
        phi=round.phi,
        multipliers=template.multipliers,
        clip_up=template.clip_up,
        clip_down=template.clip_down,
        threshold=template.threshold,
        kappa=template.kappa,
    )


@external
@view
def round_of(k: uint256) -> Round:
    """
    @param k Any round.
    @return Round All that is known of it; a status of 0 and zeros before its announcement.
    """
    if self._announcements[k] == 0:
        return empty(Round)
    announcement: Announcement = self._announcement(k)
    commitment: Commitment = self._commitment(k)
    status: uint256 = _ANNOUNCED
    final_at: uint256 = 0
    if commitment.committed_at != 0:
        final_at = commitment.committed_at + _TIMING.window
        status = _FINAL if block.timestamp >= final_at else _COMMITTED
    return Round(
        status=status,
        opens=announcement.opens,
        closes=announcement.closes,
        horizon=announcement.horizon,
        phi=announcement.phi,
        epoch=announcement.epoch,
        announce_hash=self.announce_hash[k],
        template_hash=self._template_hash(self._template(announcement.template)),
        chain_head=self._chain_heads[k],
        at_risk=commitment.at_risk,
        words=commitment.words,
        committed_at=commitment.committed_at,
        final_at=final_at,
    )


@external
@view
def digest(
    k: uint256,
    close_block_hash: bytes32,
    chain_head: bytes32,
    at_risk: uint256,
    words: uint256,
    manifest: bytes32,
    meta_root: bytes32,
) -> bytes32:
    """
    @notice The digest of a Commit for an announced round, as operators sign it.
    @param k The round.
    @param close_block_hash Hash of the last block before the close.
    @param chain_head First link of the chain of score batches.
    @param at_risk Stake at risk at the close, in U.
    @param words Words that the models registered at the close take.
    @param manifest SHA-256 of the round's manifest.
    @param meta_root Merkle root of the meta model.
    @return bytes32 The EIP-712 digest.
    """
    epoch: uint256 = self._announcement(k).epoch
    return self._commit_digest(
        k, epoch, close_block_hash, chain_head, at_risk, words, manifest, meta_root
    )


@external
@view
def latest() -> Latest:
    """
    @return Latest The last announced round, and what the next announcement takes.
    """
    return self._unpack_latest()


@external
@view
def template() -> Template:
    """
    @return Template The payout rule that the next announcement takes.
    """
    return self._template(self._unpack_latest().template)


@external
@view
def template_hash() -> bytes32:
    """
    @return bytes32 The hash of `template()`, part of every announcement's hash.
    """
    return self._template_hash(self._template(self._unpack_latest().template))


@external
@view
def timing() -> Timing:
    """
    @return Timing The bounds of every round, in seconds.
    """
    return _TIMING


@external
@view
def threshold() -> uint256:
    """
    @return uint256 How many operators must sign a Commit.
    """
    return quorum.THRESHOLD


@external
@view
def signers() -> DynArray[address, quorum.MAX_SIGNERS]:
    """
    @return DynArray All operators' addresses, in the order of their registration.
    """
    return quorum._signers


@external
@view
def is_signer(signer: address, epoch: uint256) -> bool:
    """
    @param signer Any address.
    @param epoch A round's epoch.
    @return bool Whether the address may sign for rounds of that epoch.
    """
    return quorum._is_signer(signer, epoch)


@internal
@view
def _check_times(latest: Latest, opens: uint256, closes: uint256, horizon: uint256):
    """
    @dev Reverts unless a round's times lie inside the bounds.
    @param latest The last announced round.
    @param opens The block time in seconds at which it opens.
    @param closes The block time in seconds at which it closes.
    @param horizon Seconds from the close until the commit may come.
    """
    timing: Timing = _TIMING
    assert opens >= block.timestamp, "oracle: opens in the past"
    assert opens < closes, "oracle: closes before it opens"
    assert closes >= block.timestamp + timing.notice, "oracle: notice too short"
    assert closes >= latest.closes + timing.gap, "oracle: gap too short"
    assert closes <= block.timestamp + timing.max_ahead, "oracle: too far ahead"
    assert horizon != 0 and horizon <= timing.max_horizon, "oracle: bad horizon"


@internal
@pure
def _check_phi(previous: uint256, phi: uint256, series_hash: bytes32):
    """
    @dev Reverts unless phi lies in [0.5, 1], within 0.1 of the last one, and names its series.
    @param previous Phi of the last announced round, at 10^-6.
    @param phi The new phi, at 10^-6.
    @param series_hash Hash of the volatility series behind it.
    """
    assert phi >= _MIN_PHI and phi <= _ONE, "oracle: bad phi"
    assert max(phi, previous) - min(phi, previous) <= _MAX_PHI_STEP, "oracle: phi step"
    assert phi == _ONE or series_hash != empty(bytes32), "oracle: phi without series"


@internal
@pure
def _check_timing(timing: Timing):
    """
    @dev Every bound is a number of seconds that fits 32 bits, none is zero, and a round with
         enough notice can be announced.
    @param timing The bounds.
    """
    for seconds: uint256 in [
        timing.notice,
        timing.gap,
        timing.max_ahead,
        timing.max_horizon,
        timing.grace,
        timing.window,
    ]:
        assert seconds != 0 and seconds <= _MAX_SECONDS, "oracle: bad timing"
    assert timing.notice <= timing.max_ahead, "oracle: notice beyond max ahead"


@internal
@pure
def _check_template(template: Template):
    """
    @dev Every value is inside the range of docs/formats.md, section 1, and a score of kind none
         pays nothing.
    @param template The payout rule.
    """
    for i: uint256 in range(3):
        assert template.kinds[i] <= _MAX_KIND, "oracle: bad kind"
        assert template.multipliers[i] <= _MAX_MULTIPLIER, "oracle: bad multiplier"
        assert template.kinds[i] != 0 or template.multipliers[i] == 0, "oracle: pays no score"
    assert max(template.clip_up, template.clip_down) <= _MAX_CLIP, "oracle: bad clip"
    assert template.threshold != 0 and template.threshold <= _MAX_AMOUNT, "oracle: bad threshold"
    assert template.kappa <= _MAX_KAPPA, "oracle: bad kappa"


@internal
@view
def _commit_digest(
    k: uint256,
    epoch: uint256,
    close_block_hash: bytes32,
    chain_head: bytes32,
    at_risk: uint256,
    words: uint256,
    manifest: bytes32,
    meta_root: bytes32,
) -> bytes32:
    """
    @dev The round's announcement is signed with its scores.
    @param k An announced round.
    @param epoch Its epoch.
    @param close_block_hash Hash of the last block before the close.
    @param chain_head First link of the chain of score batches.
    @param at_risk Stake at risk at the close, in U.
    @param words Words that the models registered at the close take.
    @param manifest SHA-256 of the round's manifest.
    @param meta_root Merkle root of the meta model.
    @return bytes32 The EIP-712 digest of the Commit.
    """
    return eip712._digest(
        keccak256(
            abi_encode(
                _COMMIT_TYPE,
                POOL,
                TOURNAMENT,
                k,
                epoch,
                self.announce_hash[k],
                close_block_hash,
                chain_head,
                at_risk,
                words,
                manifest,
                meta_root,
            )
        )
    )


@internal
@pure
def _template_hash(template: Template) -> bytes32:
    """
    @param template A payout rule.
    @return bytes32 Its hash.
    """
    return keccak256(abi_encode(template))


@internal
@view
def _template(number: uint256) -> Template:
    """
    @param number A template's number.
    @return Template The payout rule.
    """
    word: uint256 = self._templates[number]
    return Template(
        kinds=[(word >> 237) & _M3, (word >> 240) & _M3, (word >> 243) & _M3],
        multipliers=[word & _M27, (word >> 27) & _M27, (word >> 54) & _M27],
        clip_up=(word >> 81) & _M40,
        clip_down=(word >> 121) & _M40,
        threshold=(word >> 161) & _MAX_AMOUNT,
        kappa=(word >> 217) & _M20,
    )


@internal
@pure
def _pack_template(template: Template) -> uint256:
    """
    @param template A checked payout rule: every field fits its bits.
    @return uint256 Its word in `_templates`.
    """
    return (
        template.multipliers[0]
        | (template.multipliers[1] << 27)
        | (template.multipliers[2] << 54)
        | (template.clip_up << 81)
        | (template.clip_down << 121)
        | (template.threshold << 161)
        | (template.kappa << 217)
        | (template.kinds[0] << 237)
        | (template.kinds[1] << 240)
        | (template.kinds[2] << 243)
    )


@internal
@view
def _unpack_latest() -> Latest:
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
@pure
def _pack_latest(latest: Latest) -> uint256:
    """
    @param latest Values that passed the checks of `announce`.
    @return uint256 The word `_latest`.
    """
    return (
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
    @dev Reverts for a round that was not announced.
    @param k The round.
    @return Announcement What the announcement fixed.
    """
    word: uint256 = self._announcements[k]
    assert word != 0, "oracle: not announced"
    return Announcement(
        opens=word & _M40,
        closes=(word >> 40) & _M40,
        horizon=(word >> 80) & _M40,
        phi=(word >> 120) & _M20,
        epoch=(word >> 140) & _M32,
        template=(word >> 172) & _M32,
    )


@internal
@pure
def _pack_announcement(announcement: Announcement) -> uint256:
    """
    @param announcement Values that passed the checks of `announce`.
    @return uint256 The word of `_announcements`.
    """
    return (
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
        at_risk=word & _MAX_AMOUNT, words=(word >> 56) & _M19, committed_at=(word >> 75) & _M40
    )
