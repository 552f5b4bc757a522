"""A server that speaks the part of Stripe's REST API that we use, and signs the events it sends.

Form-encoded requests with nested names, idempotency keys as Stripe keeps them (the same key with other parameters is
refused, a second request while the first runs gets 409), expanded members, errors in Stripe's shape. People at Stripe's
own pages are played by `pay`, `let_expire`, `cancel` and `miss_a_payment`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "sk_test_fake"
SECRET = "whsec_fake"
NAME = re.compile(r"[^\[\]]+")

Json = dict[str, Any]


class Refusal(Exception):
    def __init__(self, status: int, code: str, sentence: str, kind: str = "invalid_request_error") -> None:
        super().__init__(sentence)
        self.status = status
        self.body = {"error": {"type": kind, "code": code, "message": sentence}}


@dataclass
class Books:
    """What Stripe knows, and how it behaves: `mood` is `well`, `down`, `mute` (acts, then hangs up) or `slow`."""

    sessions: dict[str, Json] = field(default_factory=dict)
    subscriptions: dict[str, Json] = field(default_factory=dict)
    customers: dict[str, Json] = field(default_factory=dict)
    kept: dict[str, tuple[str, int, Json]] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    mood: str = "well"
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def new_id(self, kind: str) -> str:
        return f"{kind}_test_{next(self.numbers):06}"


class FakeStripe:
    """The server's handle for tests."""

    def __init__(self, port: int, books: Books) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.books = books

    @property
    def calls(self) -> list[str]:
        return self.books.requests

    def only_session(self) -> Json:
        (session,) = self.books.sessions.values()
        return session

    def pay(self, session_id: str, *, status: str = "active") -> Json:
        """The human pays on Stripe's page: a customer, a subscription, a complete session."""
        books, session = self.books, self.books.sessions[session_id]
        assert session["status"] == "open", "An expired session can't be paid."
        customer_id = session["customer"] or books.new_id("cus")
        books.customers[customer_id] = {"id": customer_id, "object": "customer", "email": session["customer_email"]}
        bought = {
            "id": books.new_id("sub"),
            "object": "subscription",
            "customer": customer_id,
            "status": status,
            "metadata": session["_subscription_data"].get("metadata", {}),
        }
        books.subscriptions[bought["id"]] = bought
        session.update(status="complete", customer=customer_id, subscription=bought["id"], url=None)
        return bought

    def let_expire(self, session_id: str) -> None:
        self.books.sessions[session_id].update(status="expired", url=None)

    def set_status(self, stripe_id: str, status: str) -> Json:
        self.books.subscriptions[stripe_id]["status"] = status
        return self.books.subscriptions[stripe_id]


def event(kind: str, about: Json, *, event_id: str = "") -> bytes:
    """An event's body as Stripe sends it."""
    told = {name: value for name, value in about.items() if not name.startswith("_")}
    made = event_id or f"evt_{hashlib.sha256(f'{kind}{told}{time.time_ns()}'.encode()).hexdigest()[:24]}"
    return json.dumps({"id": made, "object": "event", "type": kind, "data": {"object": told}}).encode()


def signature(body: bytes, *, secret: str = SECRET, age: float = 0) -> str:
    """The header Stripe-Signature."""
    at = int(time.time() - age)
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac},v0=old"


@contextmanager
def fake_stripe() -> Iterator[FakeStripe]:
    """A server on a free port of loopback."""
    books = Books()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"books": books}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield FakeStripe(server.server_address[1], books)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    books: Books
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length).decode()
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        with self.books.lock:
            self.books.requests.append(f"{self.command} {path}")
        try:
            status, body = self._once(path, text or query)
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
        if self.books.mood == "mute":
            self.close_connection = True
            return
        self._answer(status, body)

    def _once(self, path: str, text: str) -> tuple[int, Json]:
        if self.books.mood == "down":
            raise Refusal(503, "down", "Stripe is down.", "api_error")
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            raise Refusal(401, "invalid_key", "Invalid API Key provided.")
        key = self.headers.get("Idempotency-Key")
        if self.command != "POST" or not key:
            return 200, self._act(path, _nested(text))
        fingerprint = f"{path} {text}"
        with self.books.lock:
            if key in self.books.kept:
                same, status, body = self.books.kept[key]
                if same != fingerprint:
                    raise Refusal(400, "", "Keys can only be used with the same parameters.", "idempotency_error")
                return status, body
            if key in self.books.running:
                raise Refusal(409, "idempotency_key_in_use", "Another request with this key is running.")
            self.books.running.add(key)
        try:
            if self.books.mood == "slow":
                time.sleep(0.3)
            body = self._act(path, _nested(text))
            self.books.kept[key] = (fingerprint, 200, json.loads(json.dumps(body)))
            return 200, body
        finally:
            self.books.running.discard(key)

    def _act(self, path: str, asked: Json) -> Json:
        parts = path.strip("/").split("/")[1:]
        if parts == ["checkout", "sessions"] and self.command == "POST":
            return _shown(self._new_session(asked))
        if parts[:2] == ["checkout", "sessions"]:
            return self._session(parts, asked)
        if parts[0] == "subscriptions":
            return self._subscription(parts[1])
        if parts[0] == "customers" and self.command == "DELETE":
            return self._forget_customer(parts[1])
        raise Refusal(404, "", f"Unrecognized request URL ({self.command}: {path}).")

    def _new_session(self, asked: Json) -> Json:
        line = asked["line_items"]["0"]
        price = line["price_data"]
        if asked["mode"] != "subscription" or price["recurring"]["interval"] not in {"month", "year"}:
            raise Refusal(400, "parameter_invalid", "The mode needs a recurring price.")
        if int(price["unit_amount"]) < 50 or not price["product_data"]["name"] or line["quantity"] != "1":
            raise Refusal(400, "amount_too_small", "The amount is too small.")
        if ("customer" in asked) == ("customer_email" in asked):
            raise Refusal(400, "parameter_invalid", "Either customer or customer_email.")
        if "customer" in asked and asked["customer"] not in self.books.customers:
            raise Refusal(400, "resource_missing", "No such customer.")
        session_id = self.books.new_id("cs")
        session = {
            "id": session_id,
            "object": "checkout.session",
            "status": "open",
            "url": f"https://checkout.stripe.example/c/pay/{session_id}",
            "expires_at": int(time.time()) + 86_400,
            "customer": asked.get("customer"),
            "customer_email": asked.get("customer_email"),
            "subscription": None,
            "metadata": asked.get("metadata", {}),
            "amount_total": int(price["unit_amount"]),
            "currency": price["currency"],
            "_interval": price["recurring"]["interval"],
            "_subscription_data": asked.get("subscription_data", {}),
        }
        self.books.sessions[session_id] = session
        return session

    def _session(self, parts: list[str], asked: Json) -> Json:
        session = self._find(self.books.sessions, parts[2])
        if parts[3:] == ["expire"]:
            if session["status"] != "open":
                raise Refusal(400, "", "Only Checkout Sessions with a status in [open] can be expired.")
            session.update(status="expired", url=None)
        shown = _shown(session)
        if "subscription" in asked.get("expand", {}).values() and session["subscription"]:
            shown["subscription"] = self.books.subscriptions[session["subscription"]]
        return shown

    def _subscription(self, stripe_id: str) -> Json:
        found = self._find(self.books.subscriptions, stripe_id)
        if self.command == "DELETE":
            if found["status"] == "canceled":
                raise Refusal(404, "resource_missing", f"No such subscription: '{stripe_id}'")
            found["status"] = "canceled"
        return found

    def _forget_customer(self, customer_id: str) -> Json:
        self._find(self.books.customers, customer_id)
        del self.books.customers[customer_id]
        for subscription in self.books.subscriptions.values():
            if subscription["customer"] == customer_id:
                subscription["status"] = "canceled"
        return {"id": customer_id, "object": "customer", "deleted": True}

    def _find(self, rows: dict[str, Json], key: str) -> Json:
        if key not in rows:
            raise Refusal(404, "resource_missing", f"No such object: '{key}'")
        return rows[key]

    def _answer(self, status: int, body: Json) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Request-Id", "req_fake")
        self.end_headers()
        self.wfile.write(content)


def _shown(session: Json) -> Json:
    return {name: value for name, value in session.items() if not name.startswith("_")}


def _nested(text: str) -> Json:
    """`a[b][0]=c` as {"a": {"b": {"0": "c"}}}."""
    found: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        *path, last = NAME.findall(name)
        place = found
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    return found
