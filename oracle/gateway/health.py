"""Whether the server is well, for whoever restarts it, sends to it, or draws its curves."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    generate_latest,
)

from oracle import __version__
from oracle.gateway.tasks import Outcome, Task

STALL_SECONDS = 300.0
"""A run of a task may take this long: a data set is read, a day is scored."""


class Health:
    """What the tasks tell. ``clock`` never goes back."""

    def __init__(
        self, stall: float = STALL_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stall, self._clock, self._lock = stall, clock, threading.Lock()
        self._watched: dict[str, float] = {}
        self._needed: set[str] = set()
        self._errors: dict[str, str] = {}
        self._done: set[str] = set()
        self._wanted: list[Callable[[], str]] = []
        self.registry = CollectorRegistry()
        self._runs = Counter(
            "assay_server_task_runs", "Runs of tasks", ["task", "outcome"], registry=self.registry
        )
        self._block = Gauge(
            "assay_server_finalized_block",
            "Block that the tables follow",
            ["tournament"],
            registry=self.registry,
        )
        self._relayed = Counter(
            "assay_server_relayed_requests",
            "Changes of stakes that the relayer paid for",
            registry=self.registry,
        )
        info = Gauge("assay_server_info", "1", ["version"], registry=self.registry)
        info.labels(__version__).set(1)

    def watch(self, tasks: Sequence[Task]) -> None:
        """From now on these are expected to run."""
        with self._lock:
            self._watched = {task.name: self._clock() for task in tasks}
            self._needed = {task.name for task in tasks if task.needed}

    def want(self, lack: Callable[[], str]) -> None:
        """``lack`` says what is not well, or nothing; asked whenever somebody asks this."""
        with self._lock:
            self._wanted.append(lack)

    def ended(self, outcome: Outcome) -> None:
        with self._lock:
            self._watched[outcome.name] = self._clock()
            self._errors[outcome.name] = outcome.error
            if not outcome.error:
                self._done.add(outcome.name)
        self._runs.labels(outcome.name, "error" if outcome.error else "ok").inc()

    def block(self, tournament: int, number: int) -> None:
        self._block.labels(str(tournament)).set(number)

    def relayed(self) -> None:
        self._relayed.inc()

    def stalled(self) -> list[str]:
        """Tasks of which no run has ended for too long."""
        with self._lock:
            now = self._clock()
            return [name for name, beat in self._watched.items() if now - beat > self._stall]

    def is_failing(self, name: str) -> bool:
        """Whether a task's newest run failed."""
        with self._lock:
            return bool(self._errors.get(name))

    def lacks(self) -> list[str]:
        """Why requests cannot be answered well now; empty if they can."""
        stalled = self.stalled()
        with self._lock:
            never = sorted(self._needed - self._done)
            failed = [name for name in sorted(self._needed & self._done) if self._errors[name]]
            wanted = list(self._wanted)
        return [
            *filter(None, (lack() for lack in wanted)),
            *(f"{name} has not ended for {self._stall:.0f} s" for name in stalled),
            *(f"{name} has not been done yet" for name in never),
            *(f"{name} failed ({self._errors[name]}); see the log" for name in failed),
        ]

    def report(self) -> dict[str, Any]:
        with self._lock:
            now = self._clock()
            tasks = {
                name: {
                    "seconds_since_run": round(now - beat, 3),
                    "error": self._errors.get(name, ""),
                }
                for name, beat in sorted(self._watched.items())
            }
        return {"version": __version__, "tasks": tasks}


def health_router(health: Health) -> APIRouter:
    """``/healthz``: 503 when a task stalls; ``/readyz``: 503 while answers would be wrong or old;
    ``/metrics`` for Prometheus."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    def alive() -> JSONResponse:
        stalled = health.stalled()
        body = {**health.report(), "stalled": stalled}
        return JSONResponse(body, status_code=503 if stalled else 200)

    @router.get("/readyz")
    def ready() -> JSONResponse:
        reasons = health.lacks()
        return JSONResponse(
            {"ready": not reasons, "reasons": reasons}, status_code=503 if reasons else 200
        )

    @router.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(health.registry), media_type=CONTENT_TYPE_LATEST)

    return router
