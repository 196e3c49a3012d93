"""Classic: obfuscated stocks; every live id must be predicted."""

from typing import Final

from oracle.tournaments.rules import SubmissionRules

RULES: Final = SubmissionRules(
    number=8,
    name="classic",
    id_columns=("id",),
    prediction_columns=("prediction", "probability"),
    scores=("CORR", "MMC", "TC"),
    need_all_ids=True,
    min_ids=1,
)
