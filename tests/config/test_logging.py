"""A log line is one line, whatever a mail's subject says."""

import json
import logging
import logging.config
import subprocess
import sys
from pathlib import Path

import pytest

from config.logging import logging_config

ROOT = Path(__file__).parents[2]
HOSTILE = "first\r\nsecond \x1b[2J\x7f\x9b \u2028 \u202egpj.exe"


def printed(source: str, *, as_json: bool) -> str:
    """What a process of its own writes: logging is global, and this one's belongs to pytest."""
    setup = (
        "import logging, logging.config, structlog\n"
        "from config.logging import logging_config\n"
        f"logging.config.dictConfig(logging_config(as_json={as_json}, level='INFO'))\n"
        f"HOSTILE = {HOSTILE!r}\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", setup + source], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return result.stderr


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    "source",
    [
        "structlog.get_logger('a').info(HOSTILE, subject=HOSTILE, deep={'list': [HOSTILE]})",
        "logging.getLogger('a').warning('subject %s', HOSTILE)",
    ],
)
def test_control_characters_do_not_get_through(source: str, as_json: bool) -> None:
    text = printed(source, as_json=as_json)
    assert text.count("\n") == 1
    assert all(character.isprintable() for character in text.rstrip("\n"))
    assert "second" in text


def test_a_json_line_can_be_read_back() -> None:
    line = json.loads(printed("structlog.get_logger('outbox').info('claimed', count=3, subject=HOSTILE)", as_json=True))
    assert line["event"] == "claimed"
    assert line["count"] == 3
    assert line["subject"] == HOSTILE
    assert line["level"] == "info"
    assert line["timestamp"]


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_shows_no_local_variables(as_json: bool) -> None:
    source = "try:\n  password = 'hush' + 'hush'; 1 / 0\nexcept Exception: logging.getLogger('a').exception('failed')"
    text = printed(source, as_json=as_json)
    assert "ZeroDivisionError" in text
    assert "hushhush" not in text


def test_an_answer_of_4xx_is_not_logged() -> None:
    loggers = logging_config(as_json=True, level="INFO")["loggers"]
    assert loggers["django.request"]["level"] == logging.ERROR
