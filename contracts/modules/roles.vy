# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Roles in RoundOracle
@license MIT
@notice The governor (a timelock, fixed for good), the announcer and the guardian it names.
@dev Holds storage.
"""


# @dev The timelock through which rules and roles change.
GOVERNOR: public(immutable(address))


# @dev The account that announces rounds.
announcer: public(address)


# @dev The account that may cancel, pause, suspend and veto, each within its limits.
guardian: public(address)


event AnnouncerSet:
    announcer: indexed(address)


event GuardianSet:
    guardian: indexed(address)


@deploy
def __init__(governor: address, announcer: address, guardian: address):
    """
    @param governor The timelock.
    @param announcer The account that announces rounds.
    @param guardian The guardian.
    """
    assert governor != empty(address), "oracle: zero address"
    GOVERNOR = governor
    self._set_announcer(announcer)
    self._set_guardian(guardian)


@external
def set_announcer(announcer: address):
    """
    @notice Names another announcer. Only the governor.
    @param announcer The account, not zero.
    """
    self._check_governor()
    self._set_announcer(announcer)


@external
def set_guardian(guardian: address):
    """
    @notice Names another guardian. Only the governor.
    @param guardian The account, not zero.
    """
    self._check_governor()
    self._set_guardian(guardian)


@internal
def _set_announcer(announcer: address):
    """
    @param announcer The account, not zero.
    """
    assert announcer != empty(address), "oracle: zero address"
    self.announcer = announcer
    log AnnouncerSet(announcer=announcer)


@internal
def _set_guardian(guardian: address):
    """
    @param guardian The account, not zero.
    """
    assert guardian != empty(address), "oracle: zero address"
    self.guardian = guardian
    log GuardianSet(guardian=guardian)


@internal
@view
def _check_governor():
    """
    @dev Reverts unless the governor calls.
    """
    assert msg.sender == GOVERNOR, "oracle: not governor"


@internal
@view
def _check_announcer():
    """
    @dev Reverts unless the announcer calls.
    """
    assert msg.sender == self.announcer, "oracle: not announcer"


@internal
@view
def _check_guardian():
    """
    @dev Reverts unless the guardian calls.
    """
    assert msg.sender == self.guardian, "oracle: not guardian"
