"""Announcing rounds on a calendar, by the operator that the tournament's announcer key is given."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.errors import AssayError, InputError
from oracle.operator.failpoints import Failpoint, failpoint
from oracle.operator.phi import PhiSource
from oracle.settlement.calendar import Bounds, Calendar, CalendarError, Times, next_round
from oracle.settlement.specs import Spec

_log = structlog.get_logger("announcing")


@dataclass
class Announcing:
    """``writer`` sends from the announcer's account. ``ahead``: seconds before the opening at which
    a round is announced; ``margin``: seconds that an announcement may take to be on chain."""

    reader: PoolReader
    writer: PoolWriter
    calendar: Calendar
    spec: Spec
    ahead: int
    margin: int
    phi: PhiSource
    at: Callable[[str], None] = failpoint

    def due(self, last_close: int, now: int) -> Times | None:
        """The round to announce now, or None; ``last_close`` of the last announced one, or 0."""
        timing = self.reader.timing
        bounds = Bounds(*(timing[name] for name in ("notice", "gap", "max_ahead", "max_horizon")))
        try:
            return next_round(
                self.calendar, now, last_close, bounds, ahead=self.ahead, margin=self.margin
            )
        except CalendarError as error:
            raise InputError(
                f"announce: {error}", "change [announce] in the configuration"
            ) from None

    def announce(self) -> None:
        """Announces the next round if the newest block says that it is due."""
        reader = self.reader
        newest, state = reader.newest(), reader.state()
        number = state["last_announced"] + 1
        times = self.due(reader.last_close(), newest.timestamp)
        if times is None or state["paused_until"] > newest.timestamp:
            return
        phi, series_hash = self.phi.announced(reader.last_phi(), newest.timestamp)
        self.at(Failpoint.ANNOUNCE_DECIDED)
        try:
            self.writer.announce(
                number,
                times.opens,
                times.closes,
                times.horizon,
                phi,
                series_hash,
                spec=self.spec.name,
            )
        except AssayError as error:
            _log.warning("not announced", round=number, error=error.message)
            return
        self.at(Failpoint.ANNOUNCED)
        _log.info("announced", round=number, opens=times.opens, closes=times.closes)
