"""The service's log: JSON lines, ours and the libraries', and what people typed in none of them."""

import io
import json
import logging

import pytest
import sqlalchemy as sa
import structlog
from pydantic import BaseModel

from cloud_sync.errors import StoreError
from cloud_sync.logs import CAUSES_MAX, FRAMES_MAX, error_told, log_to
from cloud_sync.store import tables
from cloud_sync.store.engine import open_database
from demo.count import words_in

NAME, NUMBER = "金丝雀 Canary Åse", "000001199001310007"


@pytest.fixture
def log():
    """What is written while the test runs; everything is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log_to(stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines(log):
    return [json.loads(line) for line in log.getvalue().splitlines()]


class Form(BaseModel):
    document_number: int


def typed_into_a_form():
    Form(document_number=NAME)


def said_by_a_library():
    raise ValueError(f"{NAME} ({NUMBER}) is not a name")


def chained():
    try:
        said_by_a_library()
    except ValueError as error:
        raise KeyError(NAME) from error


@pytest.mark.parametrize("breaks", [typed_into_a_form, said_by_a_library, chained])
def test_what_was_typed_does_not_stand_in_an_error_s_line(log, breaks):
    try:
        breaks()
    except Exception:  # each is another kind
        structlog.get_logger().exception("job_broke", job="passes")
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application: %s", NUMBER)
    ours, theirs = lines(log)
    assert words_in(log.getvalue().encode(), [NAME, NUMBER]) == []
    assert (ours["event"], theirs["event"], theirs["library"]) == (
        "job_broke",
        "library_error",
        "uvicorn.error",
    )
    assert ours["error"]["kind"] == theirs["error"]["kind"] != ""
    assert breaks.__name__ in " ".join(ours["error"]["at"])


def test_a_constraint_that_breaks_does_not_tell_its_values(log, tmp_path):
    engine = open_database(tmp_path / "community.db")
    with pytest.raises(sa.exc.IntegrityError) as caught, engine.begin() as db:
        db.execute(sa.insert(tables.community).values(community=NAME, name_zh=None))
    engine.dispose()
    assert words_in(str(caught.value).encode(), [NAME]) == []
    structlog.get_logger().error("job_failed", exc_info=caught.value)
    assert words_in(log.getvalue().encode(), [NAME]) == []


def test_a_sentence_of_ours_is_told_whole_with_its_cause_s_kind(log):
    try:
        try:
            said_by_a_library()
        except ValueError as error:
            raise StoreError("community.db: its disk is full; free space there.") from error
    except StoreError:
        structlog.get_logger().exception("transaction_failed", frames=3)
    (line,) = lines(log)
    assert line["error"]["said"] == "community.db: its disk is full; free space there."
    assert line["error"]["because"] == ["ValueError"]
    assert (line["level"], line["frames"]) == ("error", 3)


def test_lines_of_libraries_are_json_too_and_quiet_ones_are_not_there(log):
    logging.getLogger("paho").info("every packet")
    logging.getLogger("paho").warning("the network thread ended")
    (line,) = lines(log)
    assert (line["library"], line["event"], line["level"]) == ("paho", "the network thread ended", "warning")


def test_a_line_without_an_error_has_none(log):
    structlog.get_logger().error("job_failed", exc_info=False)
    structlog.get_logger().error("job_failed", exc_info=(None, None, None))
    assert [set(line) for line in lines(log)] == [{"timestamp", "level", "event"}] * 2


def test_a_deep_error_is_cut_where_it_broke():
    def deeper(n):
        if n:
            deeper(n - 1)
        raise OSError(28, "No space left on device", f"/srv/{NAME}")

    with pytest.raises(OSError, match="No space") as caught:
        deeper(100)
    told = error_told(caught.value)
    assert (len(told["at"]), told["said"]) == (FRAMES_MAX, "No space left on device")
    assert "deeper" in told["at"][-1]


def test_a_long_chain_of_causes_ends():
    error = ValueError("0")
    for n in range(1, 3 * CAUSES_MAX):
        later = ValueError(str(n))
        later.__cause__ = error
        error = later
    assert len(error_told(error)["because"]) == CAUSES_MAX
