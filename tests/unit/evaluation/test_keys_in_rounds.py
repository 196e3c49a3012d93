"""A round with submissions that owners' keys signed: scored like the owners' own, and recomputed
from what is published; a key without its owner's word counts for nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from synthetic_round import ANNOUNCEMENT, DOMAIN, ENTRIES, account, all_files, inputs, read

from oracle.evaluation.evaluate import Entry, evaluate
from oracle.evaluation.recompute import derive, recompute
from oracle.evaluation.scorer import Scorer
from oracle.evaluation.selection import FORMER_OWNER
from oracle.settlement.submitters import SubmissionKey, delegated
from oracle.settlement.typed_data import Submission, message

KEY = Account.from_key(bytes([77]) * 32)
ROUND = ANNOUNCEMENT.round
ALLOWED = SubmissionKey(KEY.address, ROUND, ROUND + 10)
NOT_YET = replace(ALLOWED, first_round=ROUND + 1)


def signed(struct, by) -> bytes:
    return bytes(by.sign_message(message(struct, DOMAIN)).signature)


def by_key(entry: Entry, allowed: SubmissionKey = ALLOWED, owner=None) -> Entry:
    """The same file, signed by the key that the model's owner (or ``owner``) allows."""
    said = Submission(ROUND, entry.model, entry.sha256, entry.sequence)
    word = signed(allowed, owner or account(entry.model))
    return replace(entry, signature=delegated(signed(said, KEY), allowed, word))


def test_evaluate__all_signed_by_keys__same_scores_and_lanes_as_by_the_owners() -> None:
    own, keys = evaluate(inputs(), read), evaluate(inputs(entries=[*map(by_key, ENTRIES)]), read)
    assert keys.batches == own.batches
    for path in ("outputs/scores.csv", "outputs/meta_model.csv", "inputs/stakes.json"):
        assert keys.files[path] == own.files[path], path
    listed = json.loads(keys.files["inputs/submissions.json"])
    lengths = {len(one["signature"]) for one in (*listed["accepted"], *listed["rejected"])}
    assert lengths == {2 + 2 * 138}


def test_evaluate__in_several_processes__same_bytes(tmp_path: Path) -> None:
    given = inputs(entries=[*map(by_key, ENTRIES[:6]), *ENTRIES[6:]])
    here = evaluate(given, read)
    there = evaluate(given, read, scorer=Scorer(workers=2, in_memory=0, folder=tmp_path))
    assert there.files == here.files


@pytest.mark.parametrize(
    "entry",
    [
        by_key(ENTRIES[0], NOT_YET),
        by_key(ENTRIES[0], owner=account(1)),
        replace(by_key(ENTRIES[0]), signature=by_key(ENTRIES[1]).signature),
        replace(by_key(ENTRIES[0]), signature=by_key(ENTRIES[0]).signature[:65]),
    ],
    ids=["for other rounds", "of another owner", "for another file", "without the owner"],
)
def test_evaluate__key_without_the_owners_word__rejected_with_the_reason(entry: Entry) -> None:
    result = evaluate(inputs(entries=[entry, *ENTRIES[1:]]), read)
    rejected = json.loads(result.files["inputs/submissions.json"])["rejected"]
    assert [one["reason"] for one in rejected if one["model"] == ENTRIES[0].model] == [FORMER_OWNER]


def test_recompute__from_published_files__identical_bytes() -> None:
    given = inputs(entries=[*map(by_key, ENTRIES[:6]), *ENTRIES[6:]])
    result = evaluate(given, read)
    files = all_files(result, given)
    assert recompute(result.manifest, files.__getitem__).files == result.files
    assert derive(result.manifest, result.files.__getitem__).manifest == result.manifest
