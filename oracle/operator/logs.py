"""The operator's log: JSON lines on standard output, lost rather than in the way of its work."""

import logging
import os
import sys
from contextlib import suppress
from typing import BinaryIO

import structlog


class Lines:
    """A text stream that never fails: where the log's disk is full, lines are lost."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw

    @classmethod
    def on_standard_output(cls) -> "Lines":
        """Without a buffer, which would hold what cannot be written; by a descriptor of its own,
        since another file gets standard output's number once that is closed."""
        try:
            number = os.dup(sys.stdout.fileno())
        except (OSError, ValueError):  # not a file, as in tests
            return cls(sys.stdout.buffer)
        return cls(open(number, "wb", buffering=0))

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._raw.write(text.encode(errors="replace"))
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._raw.flush()


def configure() -> None:
    """Sets up structlog, and what logs by the standard library."""
    lines = Lines.on_standard_output()
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(lines),  # type: ignore[arg-type]
    )
    handler = logging.StreamHandler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.getLogger().handlers = [handler]
    logging.getLogger("assay").setLevel(logging.INFO)
