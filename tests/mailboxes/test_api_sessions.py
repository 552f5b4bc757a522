"""Sessions on `/v1`: key recovery by a client with a cookie jar, and what a session is not good for."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from mailboxes import accounts, clock, keys, people
from mailboxes.models import ApiKey, ApiSession, Member, Role, User
from messaging.models import Message
from oversight.models import Review
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import PASSWORD, Tenant

pytestmark = pytest.mark.django_db

SIGN_IN, SIGN_OUT = "/api/auth/sign-in/email", "/api/auth/sign-out"
COOKIE = "gatepost_8000_api"


@pytest.fixture(autouse=True)
def _fresh_counts() -> None:
    cache.clear()


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def sign_in(api: Api, user: User, password: str = PASSWORD, **headers: str) -> Answer:
    return api.post(SIGN_IN, {"email": user.email, "password": password}, **headers)


def session_of(user: User) -> Api:
    """A client that holds the user's session and no key."""
    api = Api()
    assert sign_in(api, user).status == 200
    return api


class TestSigningIn:
    def test_gives_a_cookie_for_v1_that_no_script_reads_and_tells_the_user(self, alice: Tenant) -> None:
        api = Api()
        answer = sign_in(api, alice.owner.user)
        assert answer.json == {
            "user": {"id": str(alice.account.pk), "email": alice.owner.user.email, "emailVerified": True}
        }
        assert answer.headers["Cache-Control"] == "no-store"
        for name, path in ((COOKIE, "/v1"), (f"{COOKIE}_auth", "/api/auth")):
            cookie = api.client.cookies[name]
            assert (cookie["path"], cookie["samesite"], cookie["httponly"]) == (path, "Lax", True)
            assert (cookie["max-age"], cookie["secure"]) == (24 * 3600, "")
        assert len(api.client.cookies) == 2

    def test_gives_a_secure_cookie_where_https_is_spoken(self, alice: Tenant, settings: Settings) -> None:
        settings.HTTPS = True
        api = session_of(alice.owner.user)
        assert all(cookie["secure"] for cookie in api.client.cookies.values())

    def test_works_with_the_password_of_the_signup_before_anybody_is_verified(self) -> None:
        alice = builders.tenant(is_verified=False)
        answer = sign_in(Api(), alice.owner.user)
        assert (answer.status, answer.json["user"]["emailVerified"]) == (200, False)

    def test_takes_the_address_in_any_case(self, alice: Tenant) -> None:
        email = alice.owner.user.email.upper()
        assert Api().post(SIGN_IN, {"email": email, "password": PASSWORD}).status == 200

    def test_answers_alike_for_a_wrong_password_an_unknown_address_and_somebody_kept_out(self, alice: Tenant) -> None:
        gone = builders.member(alice.account, "gone", Role.ADMIN)
        people.set_active(gone.user, False, by="test", now=clock.now())
        asked = [(alice.owner.user.email, "wrong"), ("nobody@people.example", PASSWORD), (gone.user.email, PASSWORD)]
        answers = [Api().post(SIGN_IN, {"email": email, "password": password}) for email, password in asked]
        told = {(one.status, one.code, one.json["error"], "Set-Cookie" in one.headers) for one in answers}
        assert told == {(401, "wrong_password", "Email and password do not match.", False)}
        assert not ApiSession.objects.exists()

    def test_takes_as_long_for_an_unknown_address_and_for_somebody_kept_out(
        self, alice: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nearly all of the time is the hash of the password: it is made once, whoever asks."""
        made: list[str] = []
        encode = MD5PasswordHasher.encode

        def noted(hasher: MD5PasswordHasher, password: str, salt: str) -> str:
            made.append(password)
            return str(encode(hasher, password, salt))

        gone = builders.member(alice.account, "gone", Role.ADMIN)
        people.set_active(gone.user, False, by="test", now=clock.now())
        monkeypatch.setattr(MD5PasswordHasher, "encode", noted)
        for email in (alice.owner.user.email, "nobody@people.example", gone.user.email):
            made.clear()
            assert Api().post(SIGN_IN, {"email": email, "password": "wrong"}).status == 401
            assert made == ["wrong"]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"email": "a@people.example"},
            {"email": "no address", "password": "x"},
            {"email": 1, "password": 2},
            b"{",
        ],
    )
    def test_says_what_is_wrong_with_the_request(self, body: object) -> None:
        assert Api().post(SIGN_IN, body).status == 400

    def test_is_for_owners_and_admins(self, alice: Tenant) -> None:
        assert sign_in(Api(), builders.member(alice.account, "adam", Role.ADMIN).user).status == 200
        for role in (Role.REVIEWER, Role.VIEWER):
            answer = sign_in(Api(), builders.member(alice.account, str(role), role).user)
            assert (answer.status, answer.code) == (403, "not_manager")
        operator = User.objects.create_superuser("op@people.example", PASSWORD)
        assert sign_in(Api(), operator).code == "not_manager"

    def test_is_locked_after_eight_wrong_passwords_here_or_at_the_console(self, alice: Tenant) -> None:
        user = alice.owner.user
        for _ in range(4):
            assert sign_in(Api(), user, "wrong").code == "wrong_password"
            Client().post("/login/", {"username": user.email, "password": "wrong"})
        answer = sign_in(Api(), user)
        assert (answer.status, answer.code) == (429, "too_many_passwords")
        assert int(answer.headers["Retry-After"]) == 900
        assert Client().post("/login/", {"username": user.email, "password": PASSWORD}).status_code == 429

    def test_forgets_the_wrong_passwords_before_the_right_one(self, alice: Tenant) -> None:
        for _ in range(2):
            for _ in range(7):
                sign_in(Api(), alice.owner.user, "wrong")
            assert sign_in(Api(), alice.owner.user).status == 200

    def test_is_counted_per_client_address(self, alice: Tenant, settings: Settings) -> None:
        settings.SIGN_INS_PER_HOUR = 2
        codes = [sign_in(Api(), alice.owner.user).status for _ in range(3)]
        assert codes == [200, 200, 429]

    def test_opens_the_account_that_one_owns_before_one_that_one_administrates(self, alice: Tenant) -> None:
        bob = builders.tenant("bob")
        Member.objects.create(user=bob.owner.user, account=alice.account, role=Role.ADMIN)
        Member.objects.filter(pk=bob.owner.pk).update(created_at=clock.now())
        builders.twin(bob)
        assert session_of(bob.owner.user).get("/account").json["account"]["id"] == str(bob.account.pk)


class TestTheSession:
    def test_recovers_a_lost_key(self, alice: Tenant) -> None:
        api = session_of(alice.owner.user)
        made = api.post("/api-keys", {"name": "replacement-key"})
        assert made.status == 201
        assert made.json["key"].startswith(made.json["prefix"])
        [lost] = [key for key in api.get("/api-keys").json["keys"] if alice.key_text.startswith(key["prefix"])]
        assert Api(made.json["key"]).delete(f"/api-keys/{lost['id']}").json == {"revoked": True}
        assert Api(alice.key_text).get("/mailboxes").code == "revoked_key"
        assert Api(made.json["key"]).get("/mailboxes").status == 200

    def test_revokes_the_last_key_too(self, alice: Tenant) -> None:
        api = session_of(alice.owner.user)
        [only] = api.get("/api-keys").json["keys"]
        assert {"id", "name", "prefix", "createdAt", "enabled"} <= set(only)
        assert api.delete(f"/api-keys/{only['id']}").json == {"revoked": True}
        assert api.get("/api-keys").json["keys"] == []
        assert api.post("/api-keys", {}).status == 201

    def test_never_touches_a_key_that_decides(self, alice: Tenant) -> None:
        text = builders.decide_key(alice.owner)
        key = ApiKey.objects.get(member=alice.owner)
        assert session_of(alice.owner.user).delete(f"/api-keys/{key.pk}").status == 404
        assert keys.authenticate(text, now=clock.now()).member is not None

    def test_sends_as_the_default_agent(self, alice: Tenant) -> None:
        body = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day."}
        sent = session_of(alice.owner.user).post(f"/mailboxes/{alice.mailbox.pk}/messages", body)
        assert sent.status == 201
        message = Message.objects.get(pk=sent.json["message"]["id"])
        assert (message.agent_id, message.member_id, message.key_id) == (alice.agent.pk, None, None)

    def test_decides_nothing(self, alice: Tenant) -> None:
        review = builders.held(alice)
        api = session_of(alice.owner.user)
        for act in ("approve", "reject", "undo"):
            answer = api.post(f"/oversight/reviews/{review.pk}/{act}", {"reason": "tone"} if act == "reject" else {})
            assert answer.status == 403, act
        assert Review.objects.get(pk=review.pk).state == "open"

    def test_sees_nothing_of_others(self, alice: Tenant) -> None:
        charlie = session_of(builders.tenant("charlie").owner.user)
        assert charlie.get(f"/mailboxes/{alice.mailbox.pk}").status == 404
        key = ApiKey.objects.get(agent=alice.agent)
        assert charlie.delete(f"/api-keys/{key.pk}").status == 404

    def test_opens_no_console(self, alice: Tenant) -> None:
        api = session_of(alice.owner.user)
        secret = api.client.cookies[COOKIE].value
        api.client.cookies["gatepost_8000_session"] = secret
        for path in ("/review/", "/keys/", "/dashboard"):
            assert api.client.get(path).headers["Location"].startswith("/login/")
        assert api.client.get("/admin/").status_code == 302

    def test_is_not_what_the_console_gives(self, alice: Tenant) -> None:
        api = Api()
        api.client.force_login(alice.owner.user, backend="django.contrib.auth.backends.ModelBackend")
        assert api.get("/mailboxes").code == "missing_key"
        api.client.cookies[COOKIE] = api.client.cookies["gatepost_8000_session"].value
        assert api.get("/mailboxes").code == "session_over"

    def test_gives_way_to_a_key(self, alice: Tenant) -> None:
        api = session_of(alice.owner.user)
        charlie = builders.tenant("charlie")
        api.headers = {"Authorization": f"Bearer {charlie.key_text}"}
        assert api.get("/account").json["account"]["id"] == str(charlie.account.pk)
        api.headers = {"Authorization": "Bearer nonsense"}
        assert api.get("/account").code == "malformed_key"

    def test_carries_the_quota_headers(self, alice: Tenant) -> None:
        assert session_of(alice.owner.user).get("/mailboxes").headers["X-Robotomail-Inbound-Quota"] == "0/100"

    def test_is_kept_as_a_hash(self, alice: Tenant) -> None:
        secret = session_of(alice.owner.user).client.cookies[COOKIE].value
        assert secret not in str(list(ApiSession.objects.values_list()))


class TestTheEnd:
    def over(self, api: Api) -> bool:
        answer = api.get("/mailboxes")
        return (answer.status, answer.code if answer.status == 401 else "") == (401, "session_over")

    def test_comes_with_signing_out_and_takes_the_cookies_away(self, alice: Tenant) -> None:
        api, other = session_of(alice.owner.user), session_of(alice.owner.user)
        kept = {name: cookie.value for name, cookie in api.client.cookies.items()}
        assert api.post(SIGN_OUT).json == {"ok": True}
        assert [cookie["max-age"] for cookie in api.client.cookies.values()] == [0, 0]
        for name, value in kept.items():
            api.client.cookies[name] = value
        assert self.over(api)
        assert not self.over(other)
        assert Api().post(SIGN_OUT).json == {"ok": True}

    def test_comes_with_time(self, alice: Tenant) -> None:
        api = session_of(alice.owner.user)
        ApiSession.objects.update(expires_at=clock.now())
        assert self.over(api)
        session_of(alice.owner.user)
        assert ApiSession.objects.count() == 1  # what had ended is gone

    def test_comes_with_a_new_password(self, alice: Tenant) -> None:
        api = session_of(alice.owner.user)
        people.set_password(alice.owner.user, "an entirely different horse", by="test", now=clock.now())
        assert self.over(api)
        assert sign_in(Api(), alice.owner.user).status == 401

    @pytest.mark.parametrize("change", ["kept out", "viewer"])
    def test_comes_when_the_person_may_no_more(self, alice: Tenant, change: str) -> None:
        adam = builders.member(alice.account, "adam", Role.ADMIN)
        api = session_of(adam.user)
        if change == "viewer":
            people.change_role(adam, Role.VIEWER, by="test", now=clock.now())
        else:
            people.set_active(adam.user, False, by="test", now=clock.now())
        assert self.over(api)

    def test_comes_with_the_next_sign_in_of_the_same_client(self, alice: Tenant) -> None:
        api = session_of(alice.owner.user)
        first = api.client.cookies[COOKIE].value
        sign_in(api, alice.owner.user)
        assert api.client.cookies[COOKIE].value != first
        stale = Api()
        stale.client.cookies[COOKIE] = first
        assert self.over(stale)

    def test_is_told_for_a_cookie_that_is_none_of_ours(self) -> None:
        api = Api()
        api.client.cookies[COOKIE] = "guessed"
        assert self.over(api)


def test_a_session_that_somebody_put_there_beforehand_is_not_signed_in(alice: Tenant) -> None:
    api, attacker = Api(), "planted-by-somebody-else"
    api.client.cookies[COOKIE] = attacker
    sign_in(api, alice.owner.user)
    planted = Api()
    planted.client.cookies[COOKIE] = attacker
    assert planted.get("/mailboxes").code == "session_over"


class TestWritesWithACookie:
    """What a page of somebody else can make a browser send: forms in three encodings, and never our Origin."""

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "null", "http://testserver.evil.example", "https://testserver"]
    )
    @pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=b"])
    def test_are_refused_from_another_site(self, alice: Tenant, origin: str, kind: str) -> None:
        api = session_of(alice.owner.user)
        answer = api.send("POST", "/api-keys", b'{"name": "stolen"}', Origin=origin, **{"Content-Type": kind})
        assert (answer.status, answer.code) == (403, "cross_origin")
        assert ApiKey.objects.filter(account=alice.account).count() == 1

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"])
    def test_are_refused_when_a_form_made_them(self, alice: Tenant, kind: str) -> None:
        api = session_of(alice.owner.user)
        for path in ("/api-keys", "/account/welcome"):
            answer = api.send("POST", path, b'{"name": "stolen"}', **{"Content-Type": kind})
            assert (answer.status, answer.code) == (415, "unsupported_media_type")
        assert ApiKey.objects.filter(account=alice.account).count() == 1

    def test_of_a_file_must_say_where_they_come_from(self, alice: Tenant) -> None:
        api = session_of(alice.owner.user)
        answer = api.send("POST", "/api-keys", b"--b--", **{"Content-Type": "multipart/form-data; boundary=b"})
        assert (answer.status, answer.code) == (403, "cross_origin")

    @pytest.mark.parametrize("origin", [None, "http://127.0.0.1:8000", "http://testserver"])
    def test_are_taken_from_our_own_pages_and_from_programs(self, alice: Tenant, origin: str | None) -> None:
        headers = {"Origin": origin} if origin else {}
        assert session_of(alice.owner.user).post("/api-keys", {}, **headers).status == 201

    def test_need_no_body(self, alice: Tenant) -> None:
        api = session_of(alice.owner.user)
        assert api.send("POST", "/account/welcome", **{"Content-Type": ""}).status == 200

    def test_with_a_key_are_not_asked_where_they_come_from(self, alice: Tenant) -> None:
        assert Api(alice.key_text).post("/api-keys", {}, Origin="https://evil.example").status == 201

    def test_signing_in_from_another_site_is_refused(self, alice: Tenant) -> None:
        assert sign_in(Api(), alice.owner.user, Origin="https://evil.example").code == "cross_origin"
        form = {"email": alice.owner.user.email, "password": PASSWORD}
        assert Client().post(SIGN_IN, form).status_code == 403  # multipart, as forms send it
        assert session_of(alice.owner.user).post(SIGN_OUT, Origin="https://evil.example").code == "cross_origin"


def test_unknown_addresses_beside_the_sign_in_are_told_in_json() -> None:
    for path in ("/api/auth/", "/api/auth/sign-in", "/api/auth/sign-in/email/"):
        answer = Api().post(path, {})
        assert (answer.status, answer.code) == (404, "NOT_FOUND")


def test_an_account_without_an_agent_has_no_session() -> None:
    account, _ = accounts.create(User(email="first@people.example"), slug="empty-house", now=clock.now())
    owner = accounts.add_member(
        account, email="sole@people.example", password=PASSWORD, role=Role.OWNER, now=clock.now()
    )
    assert sign_in(Api(), owner.user).code == "not_manager"
