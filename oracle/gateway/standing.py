"""What scores rounds from day to day and keeps the boards."""

from functools import partial

from oracle.gateway.intaking import blobs_of
from oracle.gateway.services import Services, Tournament
from oracle.gateway.tasks import Task
from oracle.life.boards import Boards
from oracle.life.daily import DailyScoring
from oracle.life.leaders import Leaders
from oracle.life.payouts import Payouts
from oracle.life.scores import DailyScores

_DAILY_SECONDS, _BOARD_SECONDS = 10.0, 5.0


def leaders_of(services: Services) -> Leaders:
    return Leaders(services.database)


def daily_scores_of(services: Services) -> DailyScores:
    return DailyScores(services.database)


def payouts_of(services: Services) -> Payouts:
    return Payouts(services.database)


def tasks(services: Services) -> list[Task]:
    """The days of each tournament, and the boards of all."""
    daily = [
        Task(f"score days {number}", _DAILY_SECONDS, partial(_score, one, _scoring(services, one)))
        for number, one in services.tournaments.items()
    ]
    boards = Boards(services.database, tuple(services.tournaments))
    return [*daily, Task("make boards", _BOARD_SECONDS, partial(_make, services, boards))]


def _scoring(services: Services, one: Tournament) -> DailyScoring:
    reader = one.ledger.reader
    where = reader.addresses
    return DailyScoring(
        database=services.database,
        tournament=one.number,
        data=one.settings.data,
        blobs=services.part(blobs_of),
        most=services.config.files.max_upload,
        close_block=reader.close_block,
        where=(where.chain_id, where.pool, where.oracle),
        now=one.now,
    )


def _score(one: Tournament, scoring: DailyScoring) -> int:
    """Nothing while the tables show a past in which rounds that are over go on."""
    return scoring.run() if one.ledger.is_whole else 0


def _make(services: Services, boards: Boards) -> int:
    """Nothing before every chain was looked at: boards are of a time by the chain."""
    of_all = services.tournaments
    if not all(one.ledger.is_whole for one in of_all.values()):
        return 0
    return boards.update({number: one.now() for number, one in of_all.items()})
