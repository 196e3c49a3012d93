"""What rounds are scored on, by what the chain says of them."""

from oracle.records.rows import RoundRow
from oracle.settlement.specs import spec_of
from oracle.tournaments.score_configs import ScoreConfig, score_configs


def configs_of(row: RoundRow) -> tuple[ScoreConfig, ...]:
    """Scores of a round; of a skipped one, or of one whose terms this release does not know,
    none."""
    spec = None if row.spec_hash is None else spec_of(row.spec_hash)
    if spec is None or row.template is None or row.horizon is None:
        return ()
    return score_configs(row.tournament, spec, row.template, row.closes, row.horizon)
