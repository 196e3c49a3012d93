# pragma version 0.4.3
"""
@title A token for tests whose transfers answer False and move nothing
@license MIT
"""


balanceOf: public(HashMap[address, uint256])


@external
def approve(spender: address, amount: uint256) -> bool:
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    return False


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    return False
