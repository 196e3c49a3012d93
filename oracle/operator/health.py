"""Whether an operator is well, for whoever restarts it, sends to it, or draws its curves."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from oracle.operator.observing import Observer

STALL_SECONDS = 300.0
"""A cycle may take this long: it may evaluate a whole round."""


@dataclass
class Pulse(Observer):
    """The loop's last sign of life. ``stall`` in seconds; ``clock`` never goes back."""

    stall: float = STALL_SECONDS
    clock: Callable[[], float] = time.monotonic
    _beat: float = field(init=False)
    _cycles: int = 0
    _finalized: int | None = None
    _error: str = ""

    def __post_init__(self) -> None:
        self._beat = self.clock()

    def cycle(self, seconds: float, error: str) -> None:
        self._beat, self._error = self.clock(), error
        self._cycles += 1

    def block(self, number: int, timestamp: int) -> None:
        self._finalized = number

    @property
    def age(self) -> float:
        """Seconds since the last cycle ended, or since the start."""
        return self.clock() - self._beat

    @property
    def stalled(self) -> bool:
        return self.age > self.stall

    def report(self) -> dict[str, Any]:
        return {
            "cycles": self._cycles,
            "seconds_since_cycle": round(self.age, 3),
            "stalled": self.stalled,
            "finalized": self._finalized,
            "error": self._error,
        }

    def lacks(self) -> list[str]:
        """Why work cannot be done now; empty if it can."""
        reasons = []
        if self.stalled:
            reasons.append(f"no cycle has ended for {self.age:.0f} s")
        if not self._cycles:
            reasons.append("the first cycle has not ended yet")
        if self._finalized is None:
            reasons.append("no finalized block was seen yet")
        if self._error:
            reasons.append(f"the last cycle failed ({self._error}); see the log")
        return reasons


def health_router(pulse: Pulse, registry: CollectorRegistry, operator: str | None) -> APIRouter:
    """``/healthz``: 503 when the loop stalls; ``/readyz``: 503 while work cannot be done;
    ``/metrics`` for Prometheus."""
    router = APIRouter()

    @router.get("/healthz")
    def health() -> JSONResponse:
        body = {"operator": operator, **pulse.report()}
        return JSONResponse(body, status_code=503 if pulse.stalled else 200)

    @router.get("/readyz")
    def ready() -> JSONResponse:
        reasons = pulse.lacks()
        return JSONResponse(
            {"ready": not reasons, "reasons": reasons}, status_code=503 if reasons else 200
        )

    @router.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router
