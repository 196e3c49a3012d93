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
     An announcer that stops stops new rounds; it cannot change, stop or speed up an announced one.
     Every byte that is hashed or signed is specified in docs/formats.md, sections 6 and 7.
"""


from ..interfaces import IRoundOracle
from ..interfaces import IStakePool
implements: IRoundOracle


from ..modules import bounds
from ..modules import eip712
from ..modules import quorum
from ..modules import rounds
from ..modules import templates
initializes: eip712
initializes: quorum
initializes: rounds
initializes: templates


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


_MAX_WORDS: constant(uint256) = 2**18
_MAX_AMOUNT: constant(uint256) = 2**56 - 1


_COMMIT_TYPE: constant(bytes32) = keccak256(
    "Commit(address pool,uint256 tournament,uint256 round,uint256 epoch,bytes32 announce_hash,bytes32 close_block_hash,bytes32 chain_head,uint256 at_risk,uint256 words,bytes32 manifest,bytes32 meta_root)"
)


# @dev The tournament's StakePool and its number, both part of everything signed.
POOL: public(immutable(address))
TOURNAMENT: public(immutable(uint256))


_TIMING: immutable(bounds.Timing)


# @dev The account that announces rounds.
announcer: public(address)


# @dev By round: the hash of all it was announced with.
announce_hash: public(HashMap[uint256, bytes32])


# @dev By round: the first link of its batch chain; zero until the commit.
_chain_heads: HashMap[uint256, bytes32]


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
    signers: uint256


@deploy
def __init__(
    pool: address,
    tournament: uint256,
    announcer: address,
    signers: DynArray[address, quorum.MAX_SIGNERS],
    threshold: uint256,
    template: templates.Template,
    timing: bounds.Timing,
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
    bounds._check_timing(timing)
    _TIMING = timing
    templates._add(1, template)
    # Phi counts as 1 before the first round, so that its first step is bounded as well.
    rounds._store_latest(
        rounds.Latest(number=0, closes=0, phi=bounds.ONE, epoch=quorum.FIRST_EPOCH, template=1)
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
    latest: rounds.Latest = rounds._load_latest()
    assert k == latest.number + 1, "oracle: round order"
    bounds._check_times(_TIMING, latest.closes, opens, closes, horizon)
    bounds._check_phi(latest.phi, phi, series_hash)
    assert spec_hash != empty(bytes32), "oracle: zero spec hash"
    template_hash: bytes32 = templates._hash(templates._get(latest.template))
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
    rounds._store_announcement(
        k,
        rounds.Announcement(
            opens=opens,
            closes=closes,
            horizon=horizon,
            phi=phi,
            epoch=latest.epoch,
            template=latest.template,
        ),
    )
    latest.number = k
    latest.closes = closes
    latest.phi = phi
    rounds._store_latest(latest)
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
    round: rounds.Announcement = self._announced(k)
    assert rounds._commitment(k).committed_at == 0, "oracle: already committed"
    due: uint256 = round.closes + round.horizon
    assert block.timestamp >= due, "oracle: too early"
    assert block.timestamp <= due + _TIMING.grace, "oracle: too late"
    assert chain_head != empty(bytes32), "oracle: zero chain head"
    assert at_risk <= _MAX_AMOUNT, "oracle: at risk"
    assert words <= _MAX_WORDS, "oracle: words"
    digest: bytes32 = self._commit_digest(
        k, round.epoch, close_block_hash, chain_head, at_risk, words, manifest, meta_root
    )
    signers: uint256 = quorum._check(digest, round.epoch, signatures)
    self._chain_heads[k] = chain_head
    rounds._store_commitment(
        k, rounds.Commitment(at_risk=at_risk, words=words, committed_at=block.timestamp)
    )
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
    round: rounds.Announcement = self._announced(k)
    commitment: rounds.Commitment = rounds._commitment(k)
    assert commitment.committed_at != 0, "oracle: not committed"
    assert block.timestamp >= commitment.committed_at + _TIMING.window, "oracle: not final"
    template: templates.Template = templates._get(round.template)
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
    announcement: rounds.Announcement = rounds._announcement(k)
    if announcement.closes == 0:
        return empty(Round)
    commitment: rounds.Commitment = rounds._commitment(k)
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
        template_hash=templates._hash(templates._get(announcement.template)),
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
    epoch: uint256 = self._announced(k).epoch
    return self._commit_digest(
        k, epoch, close_block_hash, chain_head, at_risk, words, manifest, meta_root
    )


@external
@view
def latest() -> rounds.Latest:
    """
    @return Latest The last announced round, and what the next announcement takes.
    """
    return rounds._load_latest()


@external
@view
def template() -> templates.Template:
    """
    @return Template The payout rule that the next announcement takes.
    """
    return templates._get(rounds._load_latest().template)


@external
@view
def template_hash() -> bytes32:
    """
    @return bytes32 The hash of `template()`, part of every announcement's hash.
    """
    return templates._hash(templates._get(rounds._load_latest().template))


@external
@view
def timing() -> bounds.Timing:
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
def _announced(k: uint256) -> rounds.Announcement:
    """
    @dev Reverts for a round that was not announced.
    @param k The round.
    @return Announcement What the announcement fixed.
    """
    announcement: rounds.Announcement = rounds._announcement(k)
    assert announcement.closes != 0, "oracle: not announced"
    return announcement


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
