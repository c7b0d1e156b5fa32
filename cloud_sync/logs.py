"""What the service writes to its log: one JSON object a line, and no person in any of them.

Sentences of ours name nobody.  What a library says of an error may: a database tells the values it was given, a form
what was typed into it.  So of an error that is not ours its kind and its place are told, and never its words.
"""

import logging
import sys
import traceback
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from cloud_sync.errors import SyncError

FRAMES_MAX = 20  # the innermost ones: where it broke
CAUSES_MAX = 5


def error_told(error: BaseException) -> dict[str, Any]:
    """What may be known of an error: kind, place, causes; its sentence only where it is ours or the machine's."""
    told: dict[str, Any] = {"kind": type(error).__name__}
    if isinstance(error, SyncError):
        told["said"] = str(error)
    elif isinstance(error, OSError) and error.strerror:
        told["said"] = error.strerror
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    told["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    causes = _causes(error)
    if causes:
        told["because"] = causes
    return told


def _causes(error: BaseException) -> list[str]:
    found: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(found) < CAUSES_MAX:
        found.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return found


def without_words(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Replaces ``exc_info`` by what may be known of it."""
    asked = event.pop("exc_info", None)
    error = _error_of(asked)
    if error is not None:
        event["error"] = error_told(error)
    return event


def _error_of(asked: object) -> BaseException | None:
    if isinstance(asked, BaseException):
        return asked
    if isinstance(asked, tuple):
        return asked[1] if isinstance(asked[1], BaseException) else None
    return sys.exc_info()[1] if asked else None


def _library_line(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """A library's line that comes with an error: its text was made from the error, and goes with it."""
    if event.get("exc_info"):
        event["event"] = "library_error"
    return event


def _by_whom(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["library"] = record.name
    return event


_STAMPS: tuple[structlog.typing.Processor, ...] = (
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.add_log_level,
)


def log_to(stream: TextIO) -> None:
    """Ours from INFO, the libraries' from WARNING; called once by whoever serves."""
    render = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*_STAMPS, without_words, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_STAMPS, _library_line, without_words],
            processors=[_by_whom, structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
