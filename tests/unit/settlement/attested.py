"""Signed structs for tests: keys, a domain, one example of each struct and how to sign it."""

from dataclasses import astuple

from eth_account import Account
from eth_account.signers.local import LocalAccount

from oracle.settlement.typed_data import (
    Commit,
    Confirm,
    Domain,
    Receipt,
    Struct,
    Submission,
    message,
)

POOL = "0x" + "11" * 20
ORACLE = "0x" + "22" * 20
DOMAIN = Domain(731371, ORACLE)
KEYS: list[LocalAccount] = [Account.from_key(bytes([i]) * 32) for i in range(1, 8)]
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

COMMIT = Commit(
    pool=POOL,
    tournament=8,
    round=7,
    epoch=1,
    announce_hash=b"\x01" * 32,
    close_block_hash=b"\x02" * 32,
    chain_head=b"\x03" * 32,
    at_risk=10**15,
    words=3,
    manifest=b"\x04" * 32,
    meta_root=b"\x05" * 32,
)
CONFIRM = Confirm(*astuple(COMMIT), challenge_id=b"\x07" * 32)
SUBMISSION = Submission(round=7, model=5, sha256=b"\x06" * 32, sequence=9)
RECEIPT = Receipt(round=7, model=5, sha256=b"\x06" * 32, sequence=9, received=1_800_000_000)


def sign(struct: Struct, key: LocalAccount = KEYS[0], domain: Domain = DOMAIN) -> bytes:
    return bytes(key.sign_message(message(struct, domain)).signature)


def parts(signature: bytes) -> tuple[int, int, int]:
    """r, s, v."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    return r, s, signature[64]


def joined(r: int, s: int, v: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])
