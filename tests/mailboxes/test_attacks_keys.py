"""A60 and A62: who tries keys, or a key that is not theirs to use from where they are."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from pytest_django import Settings

from mailboxes import clock, keys, known_keys
from mailboxes.api import client_limits
from mailboxes.errors import Unauthenticated
from mailboxes.key_bounds import Terms
from mailboxes.models import ApiKey, Member, User
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant

pytestmark = pytest.mark.django_db

HERE, ELSEWHERE = "198.51.100.7", "203.0.113.9"
MAIL = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day.\n"}


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def call(
    key: str, *, address: str = HERE, forwarded: str | None = None, path: str = "/v1/mailboxes"
) -> tuple[int, str]:
    """Status and code of a GET with that key, from a connection of that address."""
    headers = {"Authorization": f"Bearer {key}"} | ({"X-Forwarded-For": forwarded} if forwarded is not None else {})
    answer = Client(REMOTE_ADDR=address).get(path, headers=headers)
    return answer.status_code, answer.json().get("code", "")


def unknown_key() -> str:
    head = "gp_live_" + "0" * 43
    return head + keys.checksum(head)


def bound_key(alice: Tenant, *networks: str) -> tuple[ApiKey, str]:
    return keys.create_agent_key(alice.agent, terms=Terms(ip_allowlist=networks), now=clock.now())


class TestAddresses:
    @pytest.mark.parametrize(
        ("listed", "address", "is_let_in"),
        [
            (HERE, HERE, True),
            (HERE, ELSEWHERE, False),
            (HERE, f"::ffff:{HERE}", True),
            ("198.51.100.0/24", HERE, True),
            ("198.51.100.0/24", "198.51.101.7", False),
            ("2001:db8::/32", "2001:db8:1::5", True),
            ("2001:db8::/32", "2001:db9::5", False),
            ("2001:db8::1", "2001:0DB8:0:0::1", True),
            ("::/0", HERE, False),
            ("0.0.0.0/0", "2001:db8::1", False),
            (HERE, "", False),
        ],
    )
    def test_a_bound_key_is_good_from_its_list_alone(
        self, listed: str, address: str, is_let_in: bool, alice: Tenant
    ) -> None:
        _, text = bound_key(alice, listed)
        assert call(text, address=address) == ((200, "") if is_let_in else (401, "address_not_allowed"))

    @pytest.mark.parametrize("state", ["good", "revoked", "expired"])
    def test_from_elsewhere_nothing_is_told_of_the_keys_state(self, state: str, alice: Tenant) -> None:
        key, text = bound_key(alice, HERE)
        if state == "revoked":
            keys.revoke_now(key, by="test", now=clock.now())
        if state == "expired":
            ApiKey.objects.filter(pk=key.pk).update(expires_at=clock.now())
        assert call(text, address=ELSEWHERE) == (401, "address_not_allowed")

    @pytest.mark.parametrize(
        ("proxies", "peer", "forwarded", "is_let_in"),
        [
            (0, ELSEWHERE, HERE, False),  # nobody's header is believed
            (1, "10.0.0.1", HERE, True),
            (1, "10.0.0.1", f"{HERE}, {ELSEWHERE}", False),  # the client's own invention stands in front
            (1, "10.0.0.1", f"{HERE},{HERE},{ELSEWHERE}", False),
            (2, "10.0.0.1", f"{HERE}, {ELSEWHERE}, 10.0.0.2", False),
            (2, "10.0.0.1", f"{ELSEWHERE}, {HERE}, 10.0.0.2", True),
            (2, HERE, HERE, True),  # shorter than our proxies make it: the peer counts
            (1, "10.0.0.1", f"::ffff:{HERE}", True),
            (1, "10.0.0.1", "", False),
            (1, "10.0.0.1", f"{HERE}:443", False),
        ],
    )
    def test_a_forged_forwarded_for_lets_nobody_in(
        self, proxies: int, peer: str, forwarded: str, is_let_in: bool, alice: Tenant, settings: Settings
    ) -> None:
        """A62."""
        settings.TRUSTED_PROXIES = proxies
        _, text = bound_key(alice, HERE)
        assert call(text, address=peer, forwarded=forwarded)[0] == (200 if is_let_in else 401)

    def test_a_bound_key_writes_nothing_from_elsewhere_either(self, alice: Tenant) -> None:
        _, text = bound_key(alice, HERE)
        path = f"/v1/mailboxes/{alice.mailbox.pk}/messages"
        headers = {"Authorization": f"Bearer {text}"}
        answer = Client(REMOTE_ADDR=ELSEWHERE).post(path, MAIL, content_type="application/json", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "address_not_allowed")
        assert not alice.mailbox.messages.exists()

    def test_who_does_not_say_from_where_is_nowhere(self, alice: Tenant) -> None:
        _, text = bound_key(alice, "0.0.0.0/0", "::/0")
        with pytest.raises(Unauthenticated):
            keys.authenticate(text, now=clock.now())


@pytest.mark.django_db(transaction=True)
class TestMemory:
    @pytest.fixture(autouse=True)
    def _deaf(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.KEY_CACHE_SECONDS = 3600
        monkeypatch.setattr(known_keys.listener, "ensure_running", lambda: None)
        known_keys.known.forget()

    def test_a_key_that_was_good_here_a_moment_ago_is_not_good_elsewhere(self) -> None:
        _, text = bound_key(builders.tenant(), HERE)
        assert call(text, address=HERE)[0] == 200
        assert call(text, address=ELSEWHERE) == (401, "address_not_allowed")
        assert known_keys.known.find(keys.digest(text)) is None

    def test_a_send_with_a_key_that_was_bound_meanwhile_is_refused_where_the_word_was_lost(self) -> None:
        alice = builders.tenant()
        key, text = keys.create_agent_key(alice.agent, now=clock.now())
        keys.recognize(text)
        ApiKey.objects.filter(pk=key.pk).update(ip_allowlist=[HERE])  # as another process would
        assert Api(text).post(f"/mailboxes/{alice.mailbox.pk}/messages", MAIL).status == 401

    def test_a_key_that_is_bound_elsewhere_is_forgotten_at_once(self) -> None:
        alice = builders.tenant()
        key, text = keys.create_agent_key(alice.agent, now=clock.now())
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as ear:
            ear.execute(f"LISTEN {known_keys.CHANNEL}")
            ApiKey.objects.filter(pk=key.pk).update(ip_allowlist=[HERE])
            assert list(ear.notifies(timeout=60, stop_after=1))
        assert text


class TestGuessing:
    def test_so_many_wrong_keys_a_minute_and_no_more(self, settings: Settings, alice: Tenant) -> None:
        settings.FAILED_KEYS_PER_MINUTE = 5
        answers = [call(unknown_key(), address=ELSEWHERE) for _ in range(7)]
        assert answers == [(401, "invalid_key")] * 5 + [(429, "too_many_requests")] * 2
        told = Client(REMOTE_ADDR=ELSEWHERE).get("/v1/mailboxes", headers={"Authorization": f"Bearer {unknown_key()}"})
        assert 0 < int(told.headers["Retry-After"]) <= 61
        assert call(unknown_key(), address=HERE) == (401, "invalid_key"), "another address is another guesser"
        assert call(alice.key_text, address=ELSEWHERE)[0] == 200, "a good key is let in from everywhere"

    @pytest.mark.parametrize("kind", ["malformed", "unknown", "revoked", "expired", "elsewhere", "other scheme"])
    def test_each_kind_of_failure_counts(self, kind: str, settings: Settings, alice: Tenant) -> None:
        settings.FAILED_KEYS_PER_MINUTE = 1
        key, text = bound_key(alice, *([ELSEWHERE] if kind == "elsewhere" else []))
        if kind == "revoked":
            keys.revoke_now(key, by="test", now=clock.now())
        if kind == "expired":
            ApiKey.objects.filter(pk=key.pk).update(expires_at=clock.now() - timedelta(seconds=1))
        tried = {"malformed": text[:-1], "unknown": unknown_key()}.get(kind, text)
        header = f"Basic {tried}" if kind == "other scheme" else f"Bearer {tried}"
        statuses = [
            Client(REMOTE_ADDR=HERE).get("/v1/mailboxes", headers={"Authorization": header}).status_code for _ in "12"
        ]
        assert statuses == [401, 429]

    def test_who_hops_about_in_one_network_of_ipv6_is_one_guesser(self, settings: Settings) -> None:
        """A62: a client commands all of its /64."""
        settings.FAILED_KEYS_PER_MINUTE = 3
        answers = [call(unknown_key(), address=f"2001:db8:7:7:{number:x}::1")[0] for number in range(1, 6)]
        assert answers == [401, 401, 401, 429, 429]
        assert call(unknown_key(), address="2001:db8:7:8::1")[0] == 401

    def test_ipv4_in_its_ipv6_form_is_not_one_network(self, settings: Settings) -> None:
        settings.FAILED_KEYS_PER_MINUTE = 1
        assert [call(unknown_key(), address=f"::ffff:198.51.100.{number}")[0] for number in (1, 2, 3)] == [401] * 3
        assert client_limits.network_of(f"::ffff:{HERE}") == HERE

    def test_a_forged_header_dodges_no_count(self, settings: Settings) -> None:
        """A62: without a proxy of ours nobody's word counts, and behind one only what it wrote itself."""
        settings.FAILED_KEYS_PER_MINUTE = 2
        forged = [call(unknown_key(), forwarded=f"203.0.113.{number}")[0] for number in range(4)]
        assert forged == [401, 401, 429, 429]
        settings.TRUSTED_PROXIES = 1
        cache.clear()
        forged = [call(unknown_key(), forwarded=f"203.0.113.{number}, 192.0.2.1")[0] for number in range(4)]
        assert forged == [401, 401, 429, 429]

    def test_without_the_cache_wrong_keys_are_wrong_keys(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.FAILED_KEYS_PER_MINUTE = 1

        def away(*_args: object, **_options: object) -> None:
            raise OSError

        monkeypatch.setattr(f"{client_limits.__name__}.cache.add", away)
        assert [call(unknown_key())[0] for _ in range(3)] == [401] * 3

    def test_how_much_of_a_key_is_right_is_not_told_by_the_time_it_takes(self, alice: Tenant) -> None:
        """What is compared in the database is a hash: nobody steers how much of it agrees."""

        head = alice.key_text[: -keys.CHECKSUM_LENGTH - 1]
        near = head + ("0" if alice.key_text[len(head)] != "0" else "1")
        tried = {"near": near + keys.checksum(near), "far": unknown_key()}
        taken: dict[str, list[float]] = {"near": [], "far": []}
        for _ in range(80):  # in turn, so that a busy machine slows both
            for name, text in tried.items():
                begun = time.perf_counter()
                with pytest.raises(Unauthenticated):
                    keys.authenticate(text, now=clock.now())
                taken[name].append(time.perf_counter() - begun)
        assert statistics.median(taken["near"]) < 2 * statistics.median(taken["far"]) + 0.001


class TestPeople:
    def test_the_key_of_a_member_who_was_shut_out_opens_nothing(self, alice: Tenant) -> None:
        rhea = builders.member(alice.account)
        text = builders.decide_key(rhea)
        assert call(text)[0] == 200
        User.objects.filter(pk=rhea.user_id).update(is_active=False)
        assert call(text) == (401, "revoked_key")

    def test_the_key_of_a_member_who_was_removed_is_unknown(self, alice: Tenant) -> None:
        rhea = builders.member(alice.account)
        text = builders.decide_key(rhea)
        Member.objects.filter(pk=rhea.pk).delete()
        assert call(text) == (401, "invalid_key")

    @pytest.mark.parametrize("name", ["key", "api_key", "access_token", "q"])
    def test_a_key_in_the_address_is_refused_before_it_is_looked_at(self, name: str, alice: Tenant) -> None:
        assert call("", path=f"/v1/mailboxes?{name}={alice.key_text}") == (401, "key_in_query")
        assert call(alice.key_text, path=f"/v1/mailboxes?{name}={alice.key_text}") == (401, "key_in_query")

    @pytest.mark.parametrize("kind", ["malformed", "unknown", "revoked", "expired", "elsewhere", "member gone"])
    def test_every_refusal_has_one_shape(self, kind: str, alice: Tenant) -> None:
        key, text = bound_key(alice, *([ELSEWHERE] if kind == "elsewhere" else []))
        if kind == "revoked":
            keys.revoke_now(key, by="test", now=clock.now())
        if kind == "expired":
            ApiKey.objects.filter(pk=key.pk).update(expires_at=clock.now())
        if kind == "member gone":
            rhea = builders.member(alice.account)
            text = builders.decide_key(rhea)
            User.objects.filter(pk=rhea.user_id).update(is_active=False)
        tried = {"malformed": "gp_live_x", "unknown": unknown_key()}.get(kind, text)
        answer = Client(REMOTE_ADDR=HERE).get("/v1/mailboxes", headers={"Authorization": f"Bearer {tried}"})
        assert answer.status_code == 401
        assert set(answer.json()) == {"error", "code", "fix", "requestId", "docs"}
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert str(alice.account.pk) not in answer.content.decode()
