"""Signing in with a code: asked for where it is switched on, each once, locked after five, and nobody gets round it."""

from __future__ import annotations

import pytest
import zeal
from django.core.cache import cache
from django.test import Client

from mailboxes import accounts, people, second_factor
from mailboxes.models import Member, User
from tests import builders
from tests.api_client import Api
from tests.codes import code_of, enrol, wrong_code
from tests.conftest import Clock
from tests.oversight.console import text_of

pytestmark = pytest.mark.django_db


class App:
    """Rhea, who has switched her second step on, and the app of hers."""

    def __init__(self, member: Member, clock: Clock) -> None:
        self.member, self.clock = member, clock
        self.secret, self.recovery_codes = enrol(member.user, now=clock.now())
        clock.advance(seconds=120)

    @property
    def code(self) -> str:
        return code_of(self.secret, self.clock.now())

    @property
    def wrong(self) -> str:
        return wrong_code(self.secret, self.clock.now())


@pytest.fixture
def rhea(clock: Clock) -> App:
    cache.clear()
    clock.set(clock.now())
    return App(builders.member(builders.tenant().account), clock)


def password(client: Client, app: App, **more: str) -> str:
    asked = {"username": app.member.user.email, "password": builders.PASSWORD, **more}
    with zeal.zeal_ignore():  # Django reads a session that it cycles once more to delete it
        return str(client.post("/login/", asked).headers.get("Location"))


def is_in(client: Client) -> bool:
    return client.get("/review/").status_code == 200


def test_the_password_leads_to_the_code_and_the_code_to_the_page_that_was_asked_for(client: Client, rhea: App) -> None:
    assert password(client, rhea, next="/monitor/") == "/login/code/?next=%2Fmonitor%2F"
    assert not is_in(client)
    page = text_of(client.get("/login/code/?next=/monitor/"))
    assert 'autocomplete="one-time-code"' in page
    assert 'value="/monitor/"' in page
    answer = client.post("/login/code/", {"code": rhea.code, "next": "/monitor/"})
    assert answer.headers["Location"] == "/monitor/"
    assert is_in(client)


def test_who_has_none_is_asked_for_none(client: Client, clock: Clock) -> None:
    ben = builders.member(builders.tenant().account, "ben")
    answer = client.post("/login/", {"username": ben.user.email, "password": builders.PASSWORD})
    assert answer.headers["Location"] == "/review/"


def test_a_code_may_be_pasted_with_blanks(client: Client, rhea: App) -> None:
    password(client, rhea)
    assert client.post("/login/code/", {"code": f" {rhea.code[:3]} {rhea.code[3:]}\t"}).status_code == 302
    assert is_in(client)


def test_a_recovery_code_does_too_once(client: Client, rhea: App) -> None:
    password(client, rhea)
    assert client.post("/login/code/", {"code": rhea.recovery_codes[0]}).status_code == 302
    other = Client()
    password(other, rhea)
    assert other.post("/login/code/", {"code": rhea.recovery_codes[0]}).status_code == 422
    assert not is_in(other)


def test_a_code_that_somebody_saw_signs_nobody_else_in(client: Client, rhea: App) -> None:
    password(client, rhea)
    seen = rhea.code
    client.post("/login/code/", {"code": seen})
    thief = Client()
    password(thief, rhea)
    for seconds in (0, 10, 30):
        rhea.clock.advance(seconds=seconds)
        assert thief.post("/login/code/", {"code": seen}).status_code == 422
    assert not is_in(thief)


def test_the_code_page_means_nothing_without_the_password_before_it(client: Client, rhea: App) -> None:
    assert client.get("/login/code/").headers["Location"].startswith("/login/")
    assert client.post("/login/code/", {"code": rhea.code}).headers["Location"].startswith("/login/")
    assert not is_in(client)


def test_a_right_password_waits_for_its_code_a_quarter_of_an_hour(client: Client, rhea: App) -> None:
    password(client, rhea)
    rhea.clock.advance(seconds=15 * 60)
    assert client.post("/login/code/", {"code": rhea.code}).headers["Location"].startswith("/login/")
    assert not is_in(client)


@pytest.mark.parametrize("change", ["password", "kept out", "reset"])
def test_what_changes_meanwhile_ends_the_wait(client: Client, rhea: App, change: str) -> None:
    password(client, rhea)
    user, now = rhea.member.user, rhea.clock.now()
    if change == "password":
        people.set_password(user, "quite another password", by="operator:1", now=now)
    elif change == "kept out":
        people.set_active(user, False, by="operator:1", now=now)
    else:
        second_factor.reset(user, by="operator:1", reason="Lost", now=now)
    assert client.post("/login/code/", {"code": rhea.code}).headers["Location"].startswith("/login/")
    assert not is_in(client)


def test_five_wrong_codes_are_locked_with_the_time_and_for_every_browser(client: Client, rhea: App) -> None:
    password(client, rhea)
    answers = [client.post("/login/code/", {"code": rhea.wrong}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 429]
    assert "Too many wrong codes. Try again after" in text_of(answers[4])
    other = Client(REMOTE_ADDR="198.51.100.7")
    password(other, rhea)
    assert other.post("/login/code/", {"code": rhea.code}).status_code == 429
    rhea.clock.advance(seconds=15 * 60)
    password(other, rhea)
    assert other.post("/login/code/", {"code": rhea.code}).status_code == 302


def test_a_link_of_the_verification_mail_is_no_way_round_the_code(client: Client, rhea: App) -> None:
    own = "a password of my own"
    token = accounts.verification_token(User.objects.get(pk=rhea.member.user_id))
    answer = client.post(f"/verify/{token}/", {"password1": own, "password2": own})
    assert answer.headers["Location"] == "/login/code/"
    assert not is_in(client)
    assert client.post("/login/code/", {"code": rhea.code}).status_code == 302
    assert is_in(client)


def test_a_code_at_sign_in_is_recent_proof_and_a_password_is_none(client: Client, rhea: App) -> None:
    password(client, rhea)
    client.post("/login/code/", {"code": rhea.code})
    assert "a moment ago" in text_of(client.get("/keys/"))
    rhea.clock.advance(seconds=15 * 60 + 1)
    assert 'autocomplete="one-time-code"' in text_of(client.get("/keys/"))
    ben = builders.member(builders.tenant().account, "ben")
    other = Client()
    other.post("/login/", {"username": ben.user.email, "password": builders.PASSWORD})
    assert 'autocomplete="current-password"' in text_of(other.get("/keys/"))


def test_proof_dies_at_sign_out(client: Client, rhea: App) -> None:
    password(client, rhea)
    client.post("/login/code/", {"code": rhea.code})
    client.post("/logout/")
    assert "second_step" not in client.session


class TestTheApi:
    """`/api/auth/sign-in/email` gives full access, so it asks for the code as well."""

    @pytest.fixture
    def owner(self, clock: Clock) -> App:
        cache.clear()
        clock.set(clock.now())
        return App(builders.tenant().owner, clock)

    def ask(self, app: App, **more: str) -> tuple[int, str]:
        api = Api()
        asked = {"email": app.member.user.email, "password": builders.PASSWORD, **more}
        answer = api.client.post("/api/auth/sign-in/email", asked, content_type="application/json")
        return answer.status_code, str(answer.json().get("code", ""))

    def test_it_is_asked_for_after_the_right_password_only(self, owner: App) -> None:
        assert self.ask(owner, password="not mine") == (401, "wrong_password")
        assert self.ask(owner) == (401, "code_required")
        assert self.ask(owner, code=owner.wrong) == (401, "wrong_code")
        assert self.ask(owner, code=owner.code) == (200, "")
        assert self.ask(owner, code=owner.code) == (401, "wrong_code")

    def test_guessing_it_is_locked_together_with_the_console(self, owner: App) -> None:
        codes = [self.ask(owner, code=owner.wrong)[1] for _ in range(5)]
        assert codes == ["wrong_code"] * 4 + ["codes_locked"]
        client = Client()
        password(client, owner)
        assert client.post("/login/code/", {"code": owner.code}).status_code == 429
