# pragma version 0.4.3
"""
@title An oracle for tests that hands the pool whatever terms it was told, or nothing any more
@license MIT
"""


from contracts.interfaces import IRoundOracle
from contracts.interfaces import IStakePool


pool: address
terms: IRoundOracle.Settlement
broken: bool


@external
def set_terms(pool: address, terms: IRoundOracle.Settlement):
    self.pool = pool
    self.terms = terms


@external
def set_broken():
    self.broken = True


@external
def schedule(k: uint256, close: uint256):
    extcall IStakePool(self.pool).schedule(k, close)


@external
@view
def settlement(k: uint256) -> IRoundOracle.Settlement:
    assert not self.broken, "oracle: broken"
    return self.terms


@external
@view
def is_void(k: uint256) -> bool:
    assert not self.broken, "oracle: broken"
    return False
