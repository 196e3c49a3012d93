"""One example of every encoding in docs/formats.md; writes or checks ``formats-v1.json``.

python tests/golden/formats.py          compare
python tests/golden/formats.py --write  write anew (only together with a new format version)
"""

import json
import sys
from pathlib import Path

from eth_account import Account

from oracle.settlement import (
    batches,
    intents,
    manifest,
    merkle,
    receipts,
    round_receipts,
    specs,
    submitters,
    typed_data,
    words,
)
from oracle.settlement.payout import Template
from oracle.store import sealed_index

PATH = Path(__file__).with_name("formats-v1.json")
POOL = "0x" + "11" * 20
ORACLE = "0x" + "22" * 20
RELAY = "0x" + "88" * 20
KEY = "0x" + "01" * 32
TEMPLATE = Template(
    (1, 2, 0), (750_000, 2_250_000, 0), 5 * 10**10, 5 * 10**10, 72 * 10**12, 500_000
)
ANNOUNCEMENT = typed_data.Announcement(
    pool=POOL,
    tournament=8,
    round=7,
    opens=1_800_000_000,
    closes=1_800_003_600,
    horizon=2_592_000,
    phi=900_000,
    series_hash=bytes(range(32)),
    spec_hash=typed_data.SPEC_HASH,
    epoch=1,
    template=TEMPLATE,
)
COMMIT = typed_data.Commit(
    pool=POOL,
    tournament=8,
    round=7,
    epoch=1,
    announce_hash=ANNOUNCEMENT.hash(),
    close_block_hash=b"\x33" * 32,
    chain_head=b"\x44" * 32,
    at_risk=123_456_789_000_000,
    words=2,
    manifest=b"\x55" * 32,
    meta_root=b"\x66" * 32,
)
SUBMISSION_KEY = submitters.SubmissionKey(Account.from_key(KEY).address, 5, 400)
SUBMISSION = typed_data.Submission(
    round=7, model=5, sha256=b"\x77" * 32, sequence=1_700_000_000_123
)
RECEIPT = typed_data.Receipt(
    round=7, model=5, sha256=b"\x77" * 32, sequence=1_700_000_000_123, received=1_800_000_100
)
STAKE_INTENT = intents.StakeIntent(
    pool=POOL,
    model=5,
    action=intents.StakeAction.DEPOSIT,
    amount=25 * 10**17,
    max_round=7,
    nonce=3,
    deadline=1_800_000_000,
)
STAKE_MANDATE = intents.StakeMandate(
    pool=POOL,
    owner=Account.from_key(KEY).address,
    relayer="0x" + "99" * 20,
    models=(5, 9, 2**20 - 1),
    max_deposit=10**20,
    max_release=intents.ALL_WEI,
    expiry=1_800_000_000,
    salt=1,
)
LANES = [
    words.Lane(0),
    words.Lane(123_456_789_000, True),
    words.Lane(2**56 - 1),
    words.Lane(1, True),
]
SEALED_INDEX = sealed_index.SealedIndex(
    to="verifiers", files=manifest.list_files({"inputs/targets.csv": b"age-encryption.org/v1\n"})
)
SCORES = {
    0: words.ScoreLane((31_415, -27_182, 0)),
    3: words.ScoreLane((-1, 1, 524_287), 15),
    6: words.ScoreLane((-524_287, 0, 0), 7),
}
RECORD = words.QueueRecord(deposit=10**9, release=2**56 - 1, mode=2, next_model=2**20 - 1)
META_ROWS = [("n000000000000001", 250_000_000), ("n000000000000002", 0), ("n3", 10**9)]
MANIFEST = manifest.Manifest(
    spec="assay/scoring/1/owner",
    chain_id=731371,
    pool=POOL,
    oracle=ORACLE,
    tournament=8,
    round=7,
    announce_hash=manifest.hex32(ANNOUNCEMENT.hash()),
    close_block=manifest.CloseBlock(number=99, hash="0x" + "33" * 32, timestamp=1_800_003_599),
    files=manifest.list_files({"outputs/scores.csv": b"model\n", "inputs/universe.csv": b"id\n"}),
    batch_chain=manifest.BatchChain(head="0x" + "44" * 32, words=2, batches=1),
    meta_root="0x" + "66" * 32,
    at_risk="123456789000000",
    totals=manifest.Totals(accepted=3, on_time=2, rejected=1),
    saturated=[manifest.Saturated(model=6, score="corr", value=-600_000_000)],
)


def _signed(struct: typed_data.Struct, contract: str) -> dict[str, str]:
    domain = typed_data.Domain(731371, contract)
    signed = Account.from_key(KEY).sign_message(typed_data.message(struct, domain))
    return {
        "digest": manifest.hex32(typed_data.digest(struct, domain)),
        "signature": "0x" + bytes(signed.signature).hex(),
    }


def _round_receipts() -> bytes:
    signature = bytes.fromhex(_signed(RECEIPT, POOL)["signature"][2:])
    operator = Account.from_key(KEY).address
    signed = receipts.SignedReceipt(SUBMISSION, operator, RECEIPT.received, signature)
    return round_receipts.receipts_bytes(SUBMISSION.round, [signed])


def _by_key() -> str:
    """A submission that the key of ``SUBMISSION_KEY`` signed; here one account is owner and key."""
    structs: list[typed_data.Struct] = [SUBMISSION, SUBMISSION_KEY]
    key, owner = (bytes.fromhex(_signed(struct, POOL)["signature"][2:]) for struct in structs)
    return "0x" + submitters.delegated(key, SUBMISSION_KEY, owner).hex()


def examples() -> dict[str, object]:
    """Every encoding of the examples above, as JSON values."""
    score_words = words.score_words(SCORES, 2)
    parts = [batches.Batch(0, (score_words[0],)), batches.Batch(1, (score_words[1],))]
    leaves = [merkle.leaf(7, row_id, value) for row_id, value in META_ROWS]
    return {
        "lane_word": f"0x{words.join_word([words.encode_lane(lane) for lane in LANES]):064x}",
        "queue_record": f"0x{words.encode_record(RECORD):064x}",
        "score_words": [f"0x{word:064x}" for word in score_words],
        "batch_chain": [manifest.hex32(link) for link in batches.chain(parts)],
        "empty_batch_chain": [manifest.hex32(link) for link in batches.chain(batches.cut([]))],
        "spec_hash": manifest.hex32(typed_data.SPEC_HASH),
        "spec_hashes": {spec.name: manifest.hex32(spec.hash) for spec in specs.SPECS.values()},
        "template_hash": manifest.hex32(typed_data.template_hash(TEMPLATE)),
        "announce_hash": manifest.hex32(ANNOUNCEMENT.hash()),
        "signer": Account.from_key(KEY).address,
        "commit": _signed(COMMIT, ORACLE),
        "submission": _signed(SUBMISSION, POOL),
        "receipt": _signed(RECEIPT, POOL),
        "submission_key": _signed(SUBMISSION_KEY, POOL),
        "submission_by_key": _by_key(),
        "stake_intent": _signed(STAKE_INTENT, RELAY),
        "stake_mandate": _signed(STAKE_MANDATE, RELAY),
        "mandate_hash": manifest.hex32(STAKE_MANDATE.hash()),
        "merkle_leaves": [manifest.hex32(leaf) for leaf in leaves],
        "merkle_root": manifest.hex32(merkle.root(leaves)),
        "manifest": MANIFEST.to_bytes().decode(),
        "manifest_digest": manifest.hex32(MANIFEST.digest()),
        "round_receipts": _round_receipts().decode(),
        "sealed_index": SEALED_INDEX.to_bytes().decode(),
    }


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PATH.write_text(json.dumps(examples(), indent=1) + "\n")
    elif json.loads(PATH.read_text()) != examples():
        sys.exit("formats-v1.json differs: a format changed without a new version")
