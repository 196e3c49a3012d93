# pragma version 0.4.3
"""
@title An oracle for tests that reverts on everything
@license MIT
"""


@external
@payable
def __default__():
    raise "oracle: broken"
