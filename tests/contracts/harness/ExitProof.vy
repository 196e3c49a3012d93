# pragma version 0.4.3
"""
@title The proof verifier alone, for tests
@license MIT
"""


from contracts.modules import exit_proof


@external
@view
def verify(payload: Bytes[16_384], manager: address) -> exit_proof.Exit:
    return exit_proof._verify(payload, manager)
