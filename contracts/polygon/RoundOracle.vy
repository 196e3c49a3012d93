# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title RoundOracle
@custom:contract-name RoundOracle
@license MIT
@notice The rounds of one tournament: announced with all their parameters before they open, then
        given their scores by a commit that m of n operators signed. A commit is final a window
        after it arrived, unless someone challenged it before; then s > m operators must confirm
        or replace it in time, or the round is void. What is final the StakePool settles.
@dev Holds the bonds of challenges and no other tokens. Who can do what:
     - the announcer chooses times and phi inside fixed bounds;
     - the operators choose scores and the stake at risk (which can only lower payouts and burns),
       never amounts: multipliers, clips, threshold and hardening come from the template;
     - the governor, a timelock, names announcer and guardian, adds templates and signers for
       rounds that are not announced yet, and revokes signers;
     - the guardian cancels a round before it opens, vetoes a commit (3 in 30 days), suspends
       signers (14 days in all, then none for 14 days), and pauses the pool as far as that allows;
     - anyone sends commits, challenges, answers, and proof that a signer signed two statements.
     Nobody can change or stop what is final, or what a round was announced with. An announcer
     that opens its rounds at once leaves nothing to cancel. Without a commit or an answer in
     time a round is void, so that silence never blocks the rounds after it.
     Every byte that is hashed or signed is specified in docs/formats.md, sections 6 and 7.
"""


from ethereum.ercs import IERC20


from ..interfaces import IRoundOracle
from ..interfaces import IStakePool
implements: IRoundOracle


from ..modules import bounds
from ..modules import challenges
from ..modules import eip712
from ..modules import quorum
from ..modules import roles
from ..modules import rounds
from ..modules import signatures
from ..modules import statements
from ..modules import templates
initializes: challenges
initializes: eip712
initializes: quorum
initializes: roles
initializes: rounds
initializes: templates


exports: (
    roles.GOVERNOR,
    roles.announcer,
    roles.guardian,
    roles.set_announcer,
    roles.set_guardian,
)


# @dev All about a round. `status`: 0 not announced, 1 announced, 2 committed, 3 final,
# 4 challenged, 5 void. Fields of a step that has not happened are zero, and so is the
# `template_hash` of a cancelled round. `sealed` is the announcement's hash, from the commit on
# the hash of the Commit in force.
struct Round:
    status: uint256
    opens: uint256
    closes: uint256
    horizon: uint256
    phi: uint256
    epoch: uint256
    threshold: uint256
    super_quorum: uint256
    sealed: bytes32
    template_hash: bytes32
    chain_head: bytes32
    at_risk: uint256
    words: uint256
    final_at: uint256
    challenged_at: uint256
    challenge_id: bytes32


# @dev A round's challenge; zeros if there was none. `bond` in U, `outcome`: 0 not answered yet,
# 1 the commit was upheld, 2 it was replaced, 3 not answered in time.
struct Challenge:
    challenger: address
    challenged_at: uint256
    bond: uint256
    outcome: uint256
    bond_settled: bool
    challenge_id: bytes32


# @dev Values of `Round.status`.
_UNKNOWN: constant(uint256) = 0
_ANNOUNCED: constant(uint256) = 1
_COMMITTED: constant(uint256) = 2
_FINAL: constant(uint256) = 3
_CHALLENGED: constant(uint256) = 4
_VOID: constant(uint256) = 5


_MAX_WORDS: constant(uint256) = 2**18
_MAX_AMOUNT: constant(uint256) = 2**56 - 1
_MAX_TEMPLATES: constant(uint256) = 2**12 - 1


# @dev Wei in a unit.
_UNIT: constant(uint256) = 10**9


# @dev The tournament's StakePool and its number, both part of everything signed.
POOL: public(immutable(address))
TOURNAMENT: public(immutable(uint256))


# @dev NMR on this chain, and the address at which what is lost here waits for its burn.
TOKEN: public(immutable(address))
BURN_VAULT: public(immutable(address))


_TIMING: immutable(bounds.Timing)


# @dev By round: the hash of all it was announced with; from its commit on the struct hash of the
# Commit in force, which contains the former.
sealed: public(HashMap[uint256, bytes32])


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


event RoundCancelled:
    round: indexed(uint256)


event Committed:
    round: indexed(uint256)
    chain_head: bytes32
    at_risk: uint256
    words: uint256
    close_block_hash: bytes32
    manifest: bytes32
    meta_root: bytes32
    signers: uint256


event Confirmed:
    round: indexed(uint256)
    chain_head: bytes32
    at_risk: uint256
    words: uint256
    close_block_hash: bytes32
    manifest: bytes32
    meta_root: bytes32
    signers: uint256
    upheld: bool


event BondSettled:
    round: indexed(uint256)
    receiver: indexed(address)
    amount: uint256


@deploy
def __init__(
    pool: address,
    tournament: uint256,
    token: address,
    burn_vault: address,
    governor: address,
    announcer: address,
    guardian: address,
    signers: DynArray[address, quorum.MAX_SIGNERS],
    threshold: uint256,
    super_quorum: uint256,
    template: templates.Template,
    timing: bounds.Timing,
):
    """
    @param pool The tournament's StakePool, deployed before or after this contract.
    @param tournament The tournament's number.
    @param token NMR on this chain: an ERC-20 that moves exactly what it is asked to.
    @param burn_vault The address that forfeited bonds go to.
    @param governor The timelock through which rules and roles change.
    @param announcer The account that announces rounds.
    @param guardian The account that may cancel, veto, suspend and pause.
    @param signers The operators, at most 16.
    @param threshold How many operators must sign a Commit: more than half, fewer than all.
    @param super_quorum How many must sign a Confirm: more than that, fewer than all; 0: there is
           none, and a challenged round can only end void.
    @param template The payout rule.
    @param timing The bounds of every round, in seconds.
    """
    assert empty(address) not in [pool, token, burn_vault], "oracle: zero address"
    POOL = pool
    TOURNAMENT = tournament
    TOKEN = token
    BURN_VAULT = burn_vault
    eip712.__init__()
    roles.__init__(governor, announcer, guardian)
    quorum.__init__(signers, threshold, super_quorum)
    bounds._check_timing(timing)
    _TIMING = timing
    templates._add(1, template)
    # Phi counts as 1 before the first round, so that its first step is bounded as well.
    rounds._store_latest(
        rounds.Latest(
            number=0,
            closes=0,
            phi=bounds.ONE,
            epoch=quorum.FIRST_EPOCH,
            template=1,
            threshold=threshold,
            super_quorum=super_quorum,
        )
    )


@external
def add_template(template: templates.Template) -> uint256:
    """
    @notice Sets the payout rule of rounds announced from now on. Only the governor.
    @param template The payout rule.
    @return uint256 The template's number.
    """
    roles._check_governor()
    latest: rounds.Latest = rounds._load_latest()
    assert latest.template < _MAX_TEMPLATES, "oracle: no template left"
    latest.template += 1
    rounds._store_latest(latest)
    templates._add(latest.template, template)
    return latest.template


@external
def rotate(
    added: DynArray[address, quorum.MAX_SIGNERS],
    retired: DynArray[address, quorum.MAX_SIGNERS],
    threshold: uint256,
    super_quorum: uint256,
) -> uint256:
    """
    @notice Sets the operators of rounds announced from now on; rounds announced before keep
            theirs. Only the governor.
    @param added Operators that join: addresses that never were one.
    @param retired Operators that leave, none of them revoked.
    @param threshold How many must sign a Commit: more than half, fewer than all.
    @param super_quorum How many must sign a Confirm: more than that, fewer than all; 0: there is
           none.
    @return uint256 The epoch of those rounds.
    """
    roles._check_governor()
    latest: rounds.Latest = rounds._load_latest()
    latest.epoch += 1
    latest.threshold = threshold
    latest.super_quorum = super_quorum
    quorum._rotate(latest.epoch, added, retired, threshold, super_quorum)
    rounds._store_latest(latest)
    return latest.epoch


@external
def revoke(signer: address):
    """
    @notice Takes an operator's word away, at once and for all rounds. Only the governor.
    @param signer The operator.
    """
    roles._check_governor()
    quorum._revoke(signer, rounds._load_latest().epoch)


@external
def suspend(signer: address):
    """
    @notice Takes an operator's word away, at once and for all rounds, until the end of a spell of
            14 days that the first suspension begins; after it there are none for 14 days. Only
            the guardian.
    @param signer The operator.
    """
    roles._check_guardian()
    quorum._suspend(signer)


@external
def pause():
    """
    @notice Pauses deposits, funding and announcements, for as long and as often as the pool lets
            it. Only the guardian.
    """
    roles._check_guardian()
    extcall IStakePool(POOL).pause()


@external
def unpause():
    """
    @notice Ends a pause early. Only the guardian.
    """
    roles._check_guardian()
    extcall IStakePool(POOL).unpause()


@external
def cancel(k: uint256):
    """
    @notice Makes a round void before it opens. Only the guardian.
    @param k The round.
    """
    roles._check_guardian()
    round: rounds.Round = self._announced(k)
    assert round.template != 0, "oracle: cancelled"
    assert block.timestamp < round.opens, "oracle: opened"
    round.template = 0
    rounds._store(k, round)
    log RoundCancelled(round=k)


@external
def veto(k: uint256, evidence: bytes32) -> bytes32:
    """
    @notice Challenges a round without a bond, at most three times in any 30 days. Only the
            guardian.
    @param k A committed round that is neither final nor challenged.
    @param evidence Hash of what speaks against its result.
    @return bytes32 The challenge's id.
    """
    roles._check_guardian()
    challenges._count_veto()
    return self._challenge(k, 0, evidence)


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
    @param k The round, above the last one; the pool takes only the next one that it knows of.
    @param opens The block time in seconds from which submissions are taken, not in the past.
    @param closes The block time in seconds at which the round closes.
    @param horizon Seconds from the close until the commit may come.
    @param phi The payout factor of the round's volatility, at 10^-6.
    @param series_hash Hash of the volatility series behind `phi`; may be zero where `phi` is 1.
    @param spec_hash Hash of the scoring specification's name.
    @return bytes32 The announcement's hash.
    """
    roles._check_announcer()
    latest: rounds.Latest = rounds._load_latest()
    assert k > latest.number, "oracle: round order"
    bounds._check_times(_TIMING, latest.closes, opens, closes, horizon)
    bounds._check_phi(latest.phi, phi, series_hash)
    assert spec_hash != empty(bytes32), "oracle: zero spec hash"
    template_hash: bytes32 = templates._hash(templates._get(latest.template))
    announce_hash: bytes32 = keccak256(
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
    self.sealed[k] = announce_hash
    rounds._store(
        k,
        rounds.Round(
            opens=opens,
            closes=closes,
            horizon=horizon,
            phi=phi,
            epoch=latest.epoch,
            template=latest.template,
            threshold=latest.threshold,
            super_quorum=latest.super_quorum,
            at_risk=0,
            words=0,
            final_at=0,
            challenged=False,
        ),
    )
    # The pool, called last, refuses a `k` that would not fit its bits here.
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
        announce_hash=announce_hash,
    )
    extcall IStakePool(POOL).schedule(k, closes)
    return announce_hash


@external
def commit(
    k: uint256,
    result: IRoundOracle.Result,
    signed: DynArray[Bytes[65], quorum.MAX_SIGNERS],
):
    """
    @notice Gives an announced round its result. Anyone may send what the operators signed.
    @param k The round.
    @param result The result.
    @param signed Signatures over the Commit, by ascending signer.
    """
    round: rounds.Round = self._announced(k)
    assert round.template != 0, "oracle: cancelled"
    assert round.final_at == 0, "oracle: already committed"
    due: uint256 = round.closes + round.horizon
    assert block.timestamp >= due, "oracle: too early"
    assert block.timestamp <= due + _TIMING.grace, "oracle: too late"
    struct_hash: bytes32 = self._hash(k, round.epoch, self.sealed[k], result, empty(bytes32))
    signers: uint256 = quorum._check(
        eip712._digest(struct_hash), round.epoch, round.threshold, signed
    )
    round.final_at = block.timestamp + _TIMING.window
    self._put(k, round, result, struct_hash)
    log Committed(
        round=k,
        chain_head=result.chain_head,
        at_risk=result.at_risk,
        words=result.words,
        close_block_hash=result.close_block_hash,
        manifest=result.manifest,
        meta_root=result.meta_root,
        signers=signers,
    )


@external
def challenge(k: uint256, evidence: bytes32) -> bytes32:
    """
    @notice Asks a super-quorum of the operators to confirm or replace a round's result. Anyone
            may, once a round, for a bond from the caller's allowance: 0.1 % of all stake, at
            least 100 NMR. It is lost if the result is confirmed as it was.
    @param k A committed round that is neither final nor challenged.
    @param evidence Hash of what speaks against its result.
    @return bytes32 The challenge's id.
    """
    bond: uint256 = challenges._bond_for((staticcall IStakePool(POOL).totals()).staked)
    challenge_id: bytes32 = self._challenge(k, bond, evidence)
    token: IERC20 = IERC20(TOKEN)
    amount: uint256 = bond * _UNIT
    before: uint256 = staticcall token.balanceOf(self)
    assert extcall token.transferFrom(msg.sender, self, amount), "oracle: transfer failed"
    assert staticcall token.balanceOf(self) == before + amount, "oracle: inexact transfer"
    return challenge_id


@external
def confirm(
    k: uint256,
    announce_hash: bytes32,
    committed: IRoundOracle.Result,
    result: IRoundOracle.Result,
    signed: DynArray[Bytes[65], quorum.MAX_SIGNERS],
):
    """
    @notice Answers a challenge: the round's result, as it was or another one, is final at once.
            Anyone may send what the operators signed.
    @param k The challenged round.
    @param announce_hash The hash of its announcement.
    @param committed The result that was committed.
    @param result The result that counts; the same, or another one.
    @param signed Signatures over the Confirm, by ascending signer.
    """
    round: rounds.Round = self._announced(k)
    assert round.challenged, "oracle: not challenged"
    record: challenges.Challenge = challenges._load(k)
    assert block.timestamp <= record.challenged_at + _TIMING.challenge, "oracle: too late"
    assert round.super_quorum != 0, "oracle: no super-quorum"
    before: bytes32 = self._hash(k, round.epoch, announce_hash, committed, empty(bytes32))
    assert before == self.sealed[k], "oracle: not the commit"
    digest: bytes32 = eip712._digest(
        self._hash(k, round.epoch, announce_hash, result, challenges._ids[k])
    )
    signers: uint256 = quorum._check(digest, round.epoch, round.super_quorum, signed)
    struct_hash: bytes32 = self._hash(k, round.epoch, announce_hash, result, empty(bytes32))
    upheld: bool = struct_hash == before
    record.outcome = challenges.UPHELD if upheld else challenges.REPLACED
    challenges._store(k, record)
    round.challenged = False
    round.final_at = block.timestamp
    self._put(k, round, result, struct_hash)
    log Confirmed(
        round=k,
        chain_head=result.chain_head,
        at_risk=result.at_risk,
        words=result.words,
        close_block_hash=result.close_block_hash,
        manifest=result.manifest,
        meta_root=result.meta_root,
        signers=signers,
        upheld=upheld,
    )


@external
def settle_bond(k: uint256):
    """
    @notice Sends a challenge's bond where it belongs, once: to the burn if the result was upheld,
            back to the challenger if it was replaced or the round is void. Anyone may call it.
    @param k The round.
    """
    record: challenges.Challenge = challenges._load(k)
    assert record.bond != 0, "oracle: no bond"
    assert not record.bond_settled, "oracle: bond settled"
    outcome: uint256 = self._outcome(record)
    assert outcome != challenges.OPEN, "oracle: not answered"
    record.bond_settled = True
    challenges._store(k, record)
    receiver: address = BURN_VAULT if outcome == challenges.UPHELD else record.challenger
    log BondSettled(round=k, receiver=receiver, amount=record.bond)
    sent: bool = extcall IERC20(TOKEN).transfer(receiver, record.bond * _UNIT)
    assert sent, "oracle: transfer failed"


@external
def report_equivocation(
    k: uint256,
    first: statements.Statement,
    second: statements.Statement,
    first_signature: Bytes[65],
    second_signature: Bytes[65],
):
    """
    @notice Revokes an operator that signed two results in Commits on one announcement, or in
            Confirms on one challenge. Anyone who has both may call it.
    @param k The round.
    @param first One statement.
    @param second The other one, with the same epoch, announcement and challenge.
    @param first_signature The operator's signature over the first one.
    @param second_signature The operator's signature over the second one.
    """
    # Statements on an announcement or a challenge that a reorg undid convict nobody.
    assert (
        first.epoch == second.epoch
        and first.announce_hash == second.announce_hash
        and first.challenge_id == second.challenge_id
    ), "oracle: two matters"
    one: bytes32 = eip712._digest(statements._hash(POOL, TOURNAMENT, k, first))
    other: bytes32 = eip712._digest(statements._hash(POOL, TOURNAMENT, k, second))
    assert one != other, "oracle: one statement"
    signer: address = signatures._recover(one, first_signature)
    assert signer == signatures._recover(other, second_signature), "oracle: two signers"
    quorum._revoke(signer, rounds._load_latest().epoch)


@external
@view
def settlement(k: uint256) -> IRoundOracle.Settlement:
    """
    @notice Terms of a round whose result is final. Reverts for any other round.
    @param k The round.
    @return Settlement What the pool computes the round's coefficients from.
    """
    round: rounds.Round = self._announced(k)
    assert round.final_at != 0, "oracle: not committed"
    assert not round.challenged, "oracle: challenged"
    assert block.timestamp >= round.final_at, "oracle: not final"
    template: templates.Template = templates._get(round.template)
    return IRoundOracle.Settlement(
        chain_head=self._chain_heads[k],
        words=round.words,
        at_risk=round.at_risk,
        phi=round.phi,
        multipliers=template.multipliers,
        clip_up=template.clip_up,
        clip_down=template.clip_down,
        threshold=template.threshold,
        kappa=template.kappa,
        final_at=round.final_at,
    )


@external
@view
def is_void(k: uint256) -> bool:
    """
    @notice Whether an announced round will never have a result: it was cancelled, its commit
            stayed away, or its challenge was not answered. Once true, it stays true.
    @param k Any round.
    @return bool True for a void round, False for any other, an unannounced one among them.
    """
    return self._status(k, rounds._load(k)) == _VOID


@external
@view
def is_result(k: uint256, announce_hash: bytes32, result: IRoundOracle.Result) -> bool:
    """
    @param k Any round.
    @param announce_hash The hash of its announcement.
    @param result A result.
    @return bool Whether that is the round's result, and final.
    """
    round: rounds.Round = rounds._load(k)
    if self._status(k, round) != _FINAL:
        return False
    said: statements.Statement = statements.Statement(
        epoch=round.epoch,
        announce_hash=announce_hash,
        result=result,
        challenge_id=empty(bytes32),
    )
    return self.sealed[k] == statements._hash(POOL, TOURNAMENT, k, said)


@external
@view
def round_of(k: uint256) -> Round:
    """
    @param k Any round.
    @return Round All that is known of it; a status of 0 and zeros before its announcement.
    """
    round: rounds.Round = rounds._load(k)
    record: challenges.Challenge = challenges._load(k)
    template_hash: bytes32 = empty(bytes32)
    if round.template != 0:
        template_hash = templates._hash(templates._get(round.template))
    return Round(
        status=self._status(k, round),
        opens=round.opens,
        closes=round.closes,
        horizon=round.horizon,
        phi=round.phi,
        epoch=round.epoch,
        threshold=round.threshold,
        super_quorum=round.super_quorum,
        sealed=self.sealed[k],
        template_hash=template_hash,
        chain_head=self._chain_heads[k],
        at_risk=round.at_risk,
        words=round.words,
        final_at=round.final_at,
        challenged_at=record.challenged_at,
        challenge_id=challenges._ids[k],
    )


@external
@view
def challenge_of(k: uint256) -> Challenge:
    """
    @param k Any round.
    @return Challenge Its challenge; zeros if there was none.
    """
    record: challenges.Challenge = challenges._load(k)
    return Challenge(
        challenger=record.challenger,
        challenged_at=record.challenged_at,
        bond=record.bond,
        outcome=self._outcome(record),
        bond_settled=record.bond_settled,
        challenge_id=challenges._ids[k],
    )


@external
@view
def commit_digest(k: uint256, announce_hash: bytes32, result: IRoundOracle.Result) -> bytes32:
    """
    @notice The digest of a Commit for an announced round, as operators sign it.
    @param k The round.
    @param announce_hash The hash of its announcement.
    @param result The result.
    @return bytes32 The EIP-712 digest.
    """
    epoch: uint256 = self._announced(k).epoch
    return eip712._digest(self._hash(k, epoch, announce_hash, result, empty(bytes32)))


@external
@view
def confirm_digest(k: uint256, announce_hash: bytes32, result: IRoundOracle.Result) -> bytes32:
    """
    @notice The digest of a Confirm for a challenged round, as operators sign it.
    @param k The round.
    @param announce_hash The hash of its announcement.
    @param result The result.
    @return bytes32 The EIP-712 digest.
    """
    round: rounds.Round = self._announced(k)
    assert round.challenged, "oracle: not challenged"
    return eip712._digest(
        self._hash(k, round.epoch, announce_hash, result, challenges._ids[k])
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
def template_of(k: uint256) -> templates.Template:
    """
    @param k An announced round that was not cancelled.
    @return Template The payout rule that it was announced with.
    """
    number: uint256 = self._announced(k).template
    assert number != 0, "oracle: cancelled"
    return templates._get(number)


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
    @return uint256 How many operators must sign a Commit of the next announced round.
    """
    return rounds._load_latest().threshold


@external
@view
def super_quorum() -> uint256:
    """
    @return uint256 How many must sign a Confirm of the next announced round; 0: there is none.
    """
    return rounds._load_latest().super_quorum


@external
@view
def signers() -> DynArray[address, quorum.MAX_EVER]:
    """
    @return DynArray All operators' addresses there ever were, in the order of registration.
    """
    return quorum._signers


@external
@view
def members(epoch: uint256) -> DynArray[address, quorum.MAX_SIGNERS]:
    """
    @param epoch A round's epoch.
    @return DynArray The operators that rounds of that epoch were announced with, also those that
            were revoked or suspended since.
    """
    return quorum._members_of(epoch)


@external
@view
def is_signer(signer: address, epoch: uint256) -> bool:
    """
    @param signer Any address.
    @param epoch A round's epoch.
    @return bool Whether a signature of the address counts now for rounds of that epoch.
    """
    return quorum._is_signer(signer, epoch)


@internal
def _challenge(k: uint256, bond: uint256, evidence: bytes32) -> bytes32:
    """
    @dev Opens the caller's challenge.
    @param k The round.
    @param bond Its bond, in U.
    @param evidence Hash of what speaks against the round's result.
    @return bytes32 The challenge's id.
    """
    round: rounds.Round = self._announced(k)
    assert round.final_at != 0, "oracle: not committed"
    assert not round.challenged, "oracle: challenged"
    assert block.timestamp < round.final_at, "oracle: final"
    round.challenged = True
    rounds._store(k, round)
    return challenges._open(k, msg.sender, bond, evidence)


@internal
def _put(k: uint256, round: rounds.Round, result: IRoundOracle.Result, struct_hash: bytes32):
    """
    @dev Stores a round with a result.
    @param k The round.
    @param round The round, with everything else as it is to be stored.
    @param result The result.
    @param struct_hash The struct hash of its Commit.
    """
    assert result.chain_head != empty(bytes32), "oracle: zero chain head"
    assert result.at_risk <= _MAX_AMOUNT, "oracle: at risk"
    assert result.words <= _MAX_WORDS, "oracle: words"
    round.at_risk = result.at_risk
    round.words = result.words
    rounds._store(k, round)
    self.sealed[k] = struct_hash
    self._chain_heads[k] = result.chain_head


@internal
@view
def _announced(k: uint256) -> rounds.Round:
    """
    @dev Reverts for a round that was not announced.
    @param k The round.
    @return Round The round.
    """
    round: rounds.Round = rounds._load(k)
    assert round.closes != 0, "oracle: not announced"
    return round


@internal
@view
def _status(k: uint256, round: rounds.Round) -> uint256:
    """
    @param k Any round's number.
    @param round The round.
    @return uint256 Its status, as in `Round`.
    """
    if round.closes == 0:
        return _UNKNOWN
    if round.template == 0:
        return _VOID
    if round.final_at == 0:
        last: uint256 = round.closes + round.horizon + _TIMING.grace
        return _ANNOUNCED if block.timestamp <= last else _VOID
    if round.challenged:
        silent: bool = self._outcome(challenges._load(k)) == challenges.VOID
        return _VOID if silent else _CHALLENGED
    return _COMMITTED if block.timestamp < round.final_at else _FINAL


@internal
@view
def _outcome(record: challenges.Challenge) -> uint256:
    """
    @param record A challenge.
    @return uint256 Its outcome by now, as in `Challenge`.
    """
    waits: bool = record.outcome == challenges.OPEN and record.challenged_at != 0
    if waits and block.timestamp > record.challenged_at + _TIMING.challenge:
        return challenges.VOID
    return record.outcome


@internal
@view
def _hash(
    k: uint256,
    epoch: uint256,
    announce_hash: bytes32,
    result: IRoundOracle.Result,
    challenge_id: bytes32,
) -> bytes32:
    """
    @param k The round.
    @param epoch Its epoch.
    @param announce_hash The hash of its announcement.
    @param result Its result.
    @param challenge_id Its challenge's id for a Confirm, zero for a Commit.
    @return bytes32 The struct hash of what operators sign.
    """
    return statements._hash(
        POOL,
        TOURNAMENT,
        k,
        statements.Statement(
            epoch=epoch,
            announce_hash=announce_hash,
            result=result,
            challenge_id=challenge_id,
        ),
    )
