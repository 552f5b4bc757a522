"""The page Security: a second step is switched on by a code, its codes are shown once, off takes code and password."""

from __future__ import annotations

import pytest
import zeal
from django.core.cache import cache
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from mailboxes import clock, second_factor
from mailboxes.models import Account, Event, Member, Role, User
from tests import builders
from tests.codes import code_of, enrol, recovery_codes_on, sealed_on, secret_on, wrong_code
from tests.conftest import Clock
from tests.oversight.console import decide, seat, text_of
from tests.postman import mails_to

pytestmark = pytest.mark.django_db

HOME, SET_UP, OFF = "/settings/security/", "/settings/security/set-up/", "/settings/security/off/"
PROVE, CODES, MEMBERS = "/settings/security/prove/", "/settings/security/codes/", "/settings/security/members/"
PASSWORD = {"password": builders.PASSWORD}


@pytest.fixture(autouse=True)
def _still(clock: Clock) -> None:
    cache.clear()
    clock.set(clock.now())


def is_on(member: Member) -> bool:
    return second_factor.is_enrolled(User.objects.get(pk=member.user_id))


def proven(member: Member) -> Client:
    """A browser in which the password has just been typed again."""
    client = seat(member)
    assert client.post(PROVE, PASSWORD).status_code == 302
    return client


def with_code(member: Member) -> tuple[Client, str]:
    """A browser in which a code has just been typed, and the app's secret."""
    secret, _ = enrol(member.user, now=clock.now())
    client = seat(member)
    assert client.post(PROVE, {"code": code_of(secret, clock.now())}).status_code == 302
    return client, secret


def switch_on(client: Client, now_clock: Clock, *, following: str = "") -> str:
    page = text_of(client.get(SET_UP, {"next": following}))
    code = code_of(secret_on(page), now_clock.now())
    return text_of(client.post(SET_UP, {"secret": sealed_on(page), "code": code, "next": following}))


def test_the_way_in_stands_in_the_menu_of_every_page() -> None:
    alice = builders.tenant()
    assert f'href="{HOME}"' in text_of(seat(alice.owner).get("/review/"))


def test_nobody_sees_a_key_before_the_password_was_typed_again() -> None:
    rhea = builders.member(builders.tenant().account)
    client = seat(rhea)
    response = client.get(SET_UP)
    assert response.headers["Location"] == f"{PROVE}?next=%2Fsettings%2Fsecurity%2Fset-up%2F"
    assert client.post(SET_UP, {"code": "123456"}).headers["Location"].startswith(PROVE)
    wrong = client.post(PROVE, {"password": "not mine", "next": SET_UP})
    assert wrong.status_code == 422
    assert "This is not your password." in text_of(wrong)
    assert client.post(PROVE, PASSWORD | {"next": SET_UP}).headers["Location"] == SET_UP


def test_it_is_switched_on_by_the_code_and_the_recovery_codes_are_shown_once(clock: Clock) -> None:
    rhea = builders.member(builders.tenant().account)
    client = proven(rhea)
    page = switch_on(client, clock)
    codes = recovery_codes_on(page)
    assert len(codes) == 10
    assert 'download="gatepost-recovery-codes.txt"' in page
    assert "data:text/plain" in page
    later = text_of(client.get(HOME))
    assert "10 recovery codes left" in later
    assert not any(code in later for code in codes)
    assert is_on(rhea)
    second_factor.check_code(rhea.user, codes[0], now=clock.now())


def test_the_picture_and_the_key_say_the_same_and_need_nothing_from_elsewhere(clock: Clock) -> None:
    rhea = builders.member(builders.tenant().account)
    response = proven(rhea).get(SET_UP)
    page = text_of(response)
    assert "<svg" in page
    assert '<path d="M' in page
    assert "style=" not in page
    assert "<img" not in page
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "no-store" in response.headers["Cache-Control"]


def test_looking_at_the_page_changes_nothing_and_shows_another_key_each_time() -> None:
    rhea = builders.member(builders.tenant().account)
    client = proven(rhea)
    keys = {secret_on(text_of(client.get(SET_UP))) for _ in range(3)}
    assert len(keys) == 3
    assert not is_on(rhea)


def test_a_wrong_code_keeps_the_key_so_that_the_next_one_can_be_right(clock: Clock) -> None:
    client = proven(builders.member(builders.tenant().account))
    page = text_of(client.get(SET_UP))
    secret = secret_on(page)
    response = client.post(SET_UP, {"secret": sealed_on(page), "code": wrong_code(secret, clock.now())})
    assert response.status_code == 422
    assert "This code is not right." in text_of(response)
    assert secret_on(text_of(response)) == secret


@pytest.mark.parametrize("forged", ["", "x", "💥", "gAAAAA"])
def test_a_key_that_we_did_not_show_is_none(forged: str) -> None:
    rhea = builders.member(builders.tenant().account)
    response = proven(rhea).post(SET_UP, {"secret": forged, "code": "123456"})
    assert response.status_code == 422
    assert not is_on(rhea)


def test_the_key_of_somebody_else_or_of_yesterday_is_none(clock: Clock) -> None:
    account = builders.tenant().account
    rhea, ben = builders.member(account), builders.member(account, "ben")
    page = text_of(proven(ben).get(SET_UP))
    code = code_of(secret_on(page), clock.now())
    assert proven(rhea).post(SET_UP, {"secret": sealed_on(page), "code": code}).status_code == 422
    later = clock.advance(seconds=16 * 60)
    client = proven(ben)
    code = code_of(secret_on(page), later)
    assert client.post(SET_UP, {"secret": sealed_on(page), "code": code}).status_code == 422
    assert not is_on(rhea)
    assert not is_on(ben)


def test_all_other_sessions_end_when_it_is_switched_on_and_this_one_goes_on(clock: Clock) -> None:
    rhea = builders.member(builders.tenant().account)
    other, client = seat(rhea), proven(rhea)
    switch_on(client, clock)
    with zeal.zeal_ignore():  # Django reads the session once more to delete it
        assert other.get("/review/").status_code == 302
    assert client.get("/review/").status_code == 200


def test_it_leads_back_to_where_it_was_asked_for_and_never_elsewhere(clock: Clock) -> None:
    account = builders.tenant().account
    assert 'href="/monitor/"' in switch_on(proven(builders.member(account)), clock, following="/monitor/")
    page = switch_on(proven(builders.member(account, "ben")), clock, following="//evil.example/")
    assert "evil.example" not in page


def test_switching_off_takes_the_password_and_a_code_of_now(clock: Clock) -> None:
    rhea = builders.member(builders.tenant().account)
    client, secret = with_code(rhea)
    code = code_of(secret, clock.advance(seconds=60))
    for wrong in ({"code": code, "password": "no"}, {"code": "000000"} | PASSWORD, PASSWORD, {"code": code}):
        assert client.post(OFF, wrong).status_code == 422
        assert is_on(rhea)
    assert client.get(OFF).status_code == 200
    assert client.post(OFF, PASSWORD | {"code": code}).headers["Location"] == HOME
    assert not is_on(rhea)
    assert "Your second step is off." in text_of(client.get(HOME))


def test_a_wrong_password_does_not_use_up_the_code(clock: Clock) -> None:
    rhea = builders.member(builders.tenant().account)
    client, secret = with_code(rhea)
    code = code_of(secret, clock.advance(seconds=60))
    client.post(OFF, {"code": code, "password": "no"})
    assert client.post(OFF, PASSWORD | {"code": code}).status_code == 302


def test_a_recovery_code_switches_it_off_where_the_phone_is_lost(clock: Clock) -> None:
    rhea = builders.member(builders.tenant().account)
    _, codes = enrol(rhea.user, now=clock.now())
    client = seat(rhea)
    assert client.get("/review/").status_code == 200
    assert client.post(OFF, PASSWORD | {"code": codes[0]}).status_code == 302
    assert not is_on(rhea)


def test_new_recovery_codes_take_a_fresh_code_first(clock: Clock) -> None:
    rhea = builders.member(builders.tenant().account)
    client, _ = with_code(rhea)
    assert len(recovery_codes_on(text_of(client.post(CODES)))) == 10
    clock.advance(seconds=16 * 60)
    assert client.post(CODES).headers["Location"].startswith(PROVE)
    assert client.get(CODES).status_code == 405


def test_an_operator_without_an_account_has_the_page_too(clock: Clock) -> None:
    operator = User.objects.create_superuser("op@people.example", builders.PASSWORD)
    client = Client()
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    assert "Set it up" in text_of(client.get(HOME))
    client.post(PROVE, PASSWORD)
    assert len(recovery_codes_on(switch_on(client, clock))) == 10
    assert "Your members" not in text_of(client.get(HOME))


def test_the_person_is_told_by_mail_of_each_thing_and_once_whatever_their_accounts(clock: Clock) -> None:
    alice, other = builders.tenant(), builders.tenant("dana")
    rhea = builders.member(alice.account)
    Member.objects.create(user=rhea.user, account=other.account, role=Role.REVIEWER)
    _, codes = enrol(rhea.user, now=clock.now())
    second_factor.check_code(rhea.user, codes[0], now=clock.now())
    second_factor.renew_recovery_codes(rhea.user, now=clock.now())
    second_factor.reset(rhea.user, by="operator:1", reason="Phone <b>lost</b>", now=clock.now())
    enrol(rhea.user, now=clock.advance(seconds=60))
    second_factor.switch_off(rhea.user, now=clock.now())
    mails = mails_to(rhea.user.email).order_by("created_at", "pk")
    assert [mail.subject for mail in mails] == [
        "Your second step is on",
        "A recovery code was used",
        "You have new recovery codes",
        "Your second step was reset",
        "Your second step is on",
        "Your second step is off",
    ]
    assert "Recovery codes left: 9" in mails[1].body_text
    assert "The reason given: Phone <b>lost</b>" in mails[3].body_text
    assert "&lt;b&gt;lost" in str(mails[3].body_html)
    assert not any(code in mail.body_text for mail in mails for code in codes)
    assert Event.objects.filter(kind="member.mfa_reset").count() == 2  # each account's log has it


def test_five_wrong_codes_are_told_by_mail(clock: Clock) -> None:
    rhea = builders.member(builders.tenant().account)
    secret, _ = enrol(rhea.user, now=clock.now())
    client = seat(rhea)
    for _ in range(5):
        response = client.post(PROVE, {"code": wrong_code(secret, clock.now())})
    assert "Too many wrong codes. Try again after" in text_of(response)
    assert mails_to(rhea.user.email, subject="Too many wrong codes").count() == 1


class TestTheOwnersWish:
    """An account whose members must have a second step."""

    def test_an_owner_with_one_asks_it_of_the_members(self, clock: Clock) -> None:
        alice = builders.tenant()
        client, _ = with_code(alice.owner)
        assert "Ask it of every member" in text_of(client.get(HOME))
        client.post(MEMBERS, {"is_required": "yes"})
        assert Account.objects.get(pk=alice.account.pk).requires_second_step
        assert "Make it optional" in text_of(client.get(HOME))
        client.post(MEMBERS, {"is_required": "no"})
        assert not Account.objects.get(pk=alice.account.pk).requires_second_step
        kinds = Event.objects.filter(account=alice.account, kind="account.second_step_required")
        assert kinds.count() == 2

    def test_neither_an_admin_nor_an_owner_without_one_nor_a_borrowed_screen_does(self, clock: Clock) -> None:
        alice = builders.tenant()
        ada = builders.member(alice.account, "ada", Role.ADMIN)
        client, _ = with_code(ada)
        assert client.post(MEMBERS, {"is_required": "yes"}).status_code == 403
        proven(alice.owner).post(MEMBERS, {"is_required": "yes"})
        enrol(alice.owner.user, now=clock.now())
        assert seat(alice.owner).post(MEMBERS, {"is_required": "yes"}).headers["Location"].startswith(PROVE)
        assert not Account.objects.get(pk=alice.account.pk).requires_second_step

    def test_who_lacks_one_is_led_to_it_before_they_decide_and_their_text_is_kept(self, clock: Clock) -> None:
        alice = builders.tenant()
        rhea, review = builders.member(alice.account), builders.held(alice)
        Account.objects.filter(pk=alice.account.pk).update(requires_second_step=True)
        client = proven(rhea)
        page = text_of(client.get(f"/review/{review.pk}/"))
        assert "Switch on your second step to decide" in page
        assert "Approve and send" not in page
        response = decide(client, review, "approve", note="Asked Kim by phone")
        assert response.headers["Location"] == f"{SET_UP}?next=%2Freview%2F{review.pk}%2F"
        assert f'href="/review/{review.pk}/"' in switch_on(client, clock, following=f"/review/{review.pk}/")
        back = text_of(client.get(f"/review/{review.pk}/"))
        assert "Now decide again." in back
        assert "Asked Kim by phone" in back
        assert decide(client, review, "approve", note="Asked Kim by phone").status_code == 302
        review.refresh_from_db()
        assert review.state == "approved"
        assert "kept_text" not in client.session

    def test_a_script_is_led_there_too(self) -> None:
        alice = builders.tenant()
        rhea, review = builders.member(alice.account), builders.held(alice)
        Account.objects.filter(pk=alice.account.pk).update(requires_second_step=True)
        response = decide(seat(rhea), review, "reject", htmx=True, reason="tone")
        assert response.headers["HX-Redirect"].startswith(SET_UP)
        review.refresh_from_db()
        assert review.state == "open"


@pytest.mark.parametrize("address", [HOME, SET_UP, OFF])
def test_its_pages_are_cheap(address: str, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    rhea = builders.member(builders.tenant().account)
    client = with_code(rhea)[0] if address != SET_UP else proven(rhea)
    with django_assert_max_num_queries(12):
        assert client.get(address).status_code == 200
