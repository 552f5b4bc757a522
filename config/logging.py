"""Logs: one JSON object a line in production, readable text in development; control characters never get through."""

import json
import logging
import re
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# C0, DEL, C1 and the line separators: a mail's subject must not write its own log line or drive a terminal.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def logging_config(*, as_json: bool, level: str) -> dict[str, Any]:
    """Configures structlog and returns the dictConfig that sends the standard library's records the same way."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [*shared, structlog.stdlib.ExtraAdder()],
        "processors": _rendering(as_json=as_json),
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structlog": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structlog"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # An answer of 4xx is the caller's news, not the operator's.
            "django.request": {"level": logging.ERROR},
            "django.security.DisallowedHost": {"handlers": [], "propagate": False},
            "celery": {"level": logging.WARNING},
            "daphne": {"level": logging.WARNING},
        },
    }


def escape_controls(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The same event with every control character written as its escape; a traceback keeps its line breaks."""
    return {key: _escaped_lines(value) if key == "exception" else _escaped(value) for key, value in event.items()}


def _rendering(*, as_json: bool) -> list[Processor]:
    first: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
    ]
    if as_json:
        return [*first, structlog.processors.JSONRenderer(serializer=_ascii_json)]
    # The default formatter would print the local variables of every frame: keys, passwords, mail.
    plain = structlog.dev.plain_traceback
    return [*first, escape_controls, structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]


def _ascii_json(event: EventDict, **options: Any) -> str:
    # DEL is the one control character that json leaves as it is.
    return json.dumps(event, **options).replace("\x7f", "\\u007f")


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), value)
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(item) for item in value]
    return value


def _escaped_lines(value: Any) -> Any:
    return "\n".join(_escaped(line) for line in value.split("\n")) if isinstance(value, str) else value
