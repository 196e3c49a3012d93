"""``[announce]`` of an operator's configuration: on which calendar rounds are announced."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from oracle.chain.signers import SignerSettings
from oracle.operator.phi import NO_SERIES, PhiSource
from oracle.settlement.calendar import (
    OPENING_DAYS,
    Calendar,
    CalendarError,
    Seconds,
    Weekdays,
)
from oracle.settlement.specs import NEWEST, SPECS

_HOUR, _DAY = 3_600, 86_400
_MILLIONTHS = 10**6


class _Announce(BaseModel):
    """What both calendars have. ``ahead``: seconds before its opening at which a round is
    announced; ``margin``: seconds that an announcement may take to be on chain.

    ``phi`` at 10^-6, or ``series``: the file of a published volatility series it follows from.
    ``signer`` holds the announcer's key.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    signer: SignerSettings
    spec: str = NEWEST
    ahead: int = Field(default=2 * _DAY, ge=1)
    margin: int = Field(default=300, ge=0)
    phi: int | None = Field(default=None, ge=_MILLIONTHS // 2, le=_MILLIONTHS)
    series_hash: str = Field(default="0x" + NO_SERIES.hex(), pattern=r"^0x[0-9a-f]{64}$")
    series: Path | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.spec not in SPECS:
            raise ValueError(f"spec: this release knows {', '.join(SPECS)}")
        if self.series is not None and self.phi is not None:
            raise ValueError("name phi or series, not both: phi follows from the series")
        try:
            self.rounds()
        except CalendarError as error:
            raise ValueError(str(error)) from None
        return self

    def rounds(self) -> Calendar:
        raise NotImplementedError

    def phi_source(self) -> PhiSource:
        return PhiSource(self.phi, bytes.fromhex(self.series_hash[2:]), self.series)

    def under(self, base: Path) -> Self:
        """The same with its paths taken from ``base``."""
        update: dict[str, object] = {"signer": self.signer.under(base)}
        if self.series is not None:
            update["series"] = base / self.series
        return self.model_copy(update=update)


class WeekdaysAnnounce(_Announce):
    """Rounds that open on weekdays (0 Monday to 6 Sunday) at an hour UTC; ``horizon_weekdays``
    market days after the close the scores are due."""

    calendar: Literal["weekdays"]
    hour: int = 13
    window: int = _HOUR
    weekend_window: int = 2 * _DAY + _HOUR
    horizon_weekdays: int = 24
    days: tuple[int, ...] = OPENING_DAYS

    def rounds(self) -> Calendar:
        return Weekdays(
            self.hour, self.window, self.horizon_weekdays, self.weekend_window, self.days
        )


class SecondsAnnounce(_Announce):
    """A round every so many seconds, for devnets."""

    calendar: Literal["seconds"]
    every: int
    window: int
    horizon: int

    def rounds(self) -> Calendar:
        return Seconds(self.every, self.window, self.horizon)


AnnounceSettings = Annotated[WeekdaysAnnounce | SecondsAnnounce, Field(discriminator="calendar")]
