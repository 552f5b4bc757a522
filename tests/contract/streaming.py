"""Operation 36 as the SDKs and the plugin do it: a parser that forgives nothing, and a subscriber that comes back.

The parser is the plugin's: LF alone ends a line, exactly one space stands behind the colon, event and data are not
empty. Silence, size and the type of the answer are watched as in the SDKs. The subscriber keeps an id when its handler
is done with the event, drops what is among its last 200 ids, and stops for good on 401 and 403.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from .event_shapes import DATA, envelope
from .shapes import wrong

SILENCE_SECONDS = 60
MOST_CHARACTERS = 1_048_576
REMEMBERED = 200
FINAL = (401, 403)


@dataclass(frozen=True)
class Frame:
    """One frame: `id` is None where it has none."""

    id: str | None
    event: str
    data: Any


class Refused(Exception):
    """The stream was not opened. `is_final`: asking again is pointless."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status} {body['error']}")
        self.status, self.body, self.is_final = status, body, status in FINAL


def parse(chunks: Iterator[str]) -> Iterator[Frame]:
    """The frames of a stream; heartbeats and other comments are passed over."""
    waiting = ""
    for chunk in chunks:
        waiting += chunk
        assert "\r" not in chunk, "a carriage return breaks the plugin's test for a blank line"
        assert len(waiting) < MOST_CHARACTERS, "an event this long makes an SDK abort"
        while "\n\n" in waiting:
            block, _, waiting = waiting.partition("\n\n")
            if frame := _frame(block):
                yield frame


def _frame(block: str) -> Frame | None:
    fields: dict[str, str] = {}
    for line in block.split("\n"):
        if line.startswith(":") or not line:
            continue
        name, colon, value = line.partition(": ")
        assert colon, line
        assert value, line
        assert not value.startswith(" "), line
        assert name not in fields, f"{name} comes twice"
        fields[name] = value
    if "event" not in fields:
        assert set(fields) <= {"retry"}, fields
        return None
    return Frame(fields.get("id"), fields["event"], json.loads(fields["data"]))


class Subscriber:
    """Somebody who listens. `last_id` is committed; `came_twice` counts what was dropped as known."""

    def __init__(self, base_url: str, key: str, **params: str) -> None:
        self.base_url, self.key, self.params = base_url, key, params
        self.last_id: str | None = None
        self.recent: deque[str] = deque(maxlen=REMEMBERED)
        self.came_twice = 0

    @contextmanager
    def connected(self, base_url: str = "") -> Iterator[Iterator[Frame]]:
        """One connection, from the last id on: its events as they come, `reconnect` and `reset` among them."""
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "text/event-stream"}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        address = f"{(base_url or self.base_url).rstrip('/')}/events"
        with (
            httpx2.Client(timeout=SILENCE_SECONDS, follow_redirects=False, trust_env=False) as http,
            http.stream("GET", address, headers=headers, params=self.params) as response,
        ):
            if response.status_code != httpx2.codes.OK:
                raise Refused(response.status_code, json.loads(response.read()))
            assert response.headers["Content-Type"].startswith("text/event-stream")
            assert response.headers["Cache-Control"] == "no-cache, no-transform"
            assert response.headers["X-Accel-Buffering"] == "no"
            assert "X-Robotomail-Inbound-Quota" not in response.headers
            yield self._new(parse(response.iter_text()))

    def _new(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            if frame.id is None:
                yield frame
                continue
            if frame.id in self.recent:
                self.came_twice += 1
                continue
            check(frame)
            yield frame

    def commit(self, frame: Frame) -> None:
        """The handler is done with it."""
        if frame.id is not None:
            self.recent.append(frame.id)
            self.last_id = frame.id

    def take(self, amount: int, base_url: str = "") -> list[Frame]:
        """The next events, by one connection that is cut behind them. `reconnect` and `reset` do not count."""
        taken: list[Frame] = []
        with self.connected(base_url) as frames:
            for frame in frames:
                if frame.id is not None:
                    taken.append(frame)
                    self.commit(frame)
                if len(taken) == amount:
                    break
        return taken


def check(frame: Frame) -> None:
    """The frame is of the contract: its data is the envelope, its names and ids agree."""
    assert frame.data["event"] == frame.event
    assert frame.data["id"] == frame.id
    if frame.event in DATA:
        shape = envelope(frame.event, is_withheld=bool(frame.data["data"].get("over_limit")))
        assert (frame.event, wrong(frame.data, shape)) == (frame.event, None)
