"""Reviewers hear of what waits: soon, once a day, before it expires; never a body, never by a link that acts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

import pytest
from django.test import Client
from pytest_django import Settings

from mailboxes import clock as platform_clock
from mailboxes.models import Event, Member, Role
from messaging.models import Message
from oversight import decisions, notice_times, notice_wishes, review_notices, reviews
from oversight.models import AccountNotices, NoticeSettings, Review
from tests import builders
from tests.builders import Tenant
from tests.conftest import Clock
from tests.fakes.receiver import receiver
from tests.fakes.web import saying
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db

WISHES = {
    "style": "each",
    "escalates": True,
    "daily_at": time(8),
    "quiet_from": None,
    "quiet_to": None,
    "zone": "UTC",
    "names_subject": True,
}
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def alice(clock: Clock) -> Tenant:
    clock.set(NOON)
    return builders.tenant()


@pytest.fixture
def rhea(alice: Tenant) -> Member:
    return builders.member(alice.account, "rhea")


def mails(to: Member) -> list[Message]:
    return list(Message.objects.filter(to_addresses=[to.user.email], subject__contains=" wait").order_by("created_at"))


def wish(member: Member, **wishes: object) -> NoticeSettings:
    return notice_wishes.choose(member, WISHES | wishes, now=platform_clock.now())


def later(clock: Clock, **span: float) -> int:
    """What is sent when so much time has gone by."""
    clock.set(platform_clock.now() + timedelta(**span))
    return review_notices.send_due(now=platform_clock.now())


def link_in(mail: Message) -> str:
    return str(re.findall(r"https?://[^/\s]+(/n/\S+/)", mail.body_text)[0])


def test_everybody_who_decides_is_mailed_a_minute_after_a_hold_and_nobody_else(
    alice: Tenant, rhea: Member, clock: Clock
) -> None:
    viewer = builders.member(alice.account, "vic", Role.VIEWER)
    builders.held(alice, subject="Your refund", body_text="The secret of the house")
    assert later(clock, seconds=59) == 0
    assert later(clock, seconds=1) == 2
    for reader in (alice.owner, rhea):
        [mail] = mails(reader)
        assert mail.account.is_platform
        assert mail.subject == f"1 mail waits for you to review ({alice.account.slug})"
        for text in (mail.body_text, mail.body_html or ""):
            assert "Your refund" in text
            assert alice.mailbox.full_address in text
            assert "This mailbox is gated_send" in text
            assert "2026-05-11 12:00" in text
            assert "The secret of the house" not in text
            assert "kim@friends.example" not in text
    assert mails(viewer) == []
    assert later(clock, hours=1) == 0


def test_several_holds_are_one_mail_and_the_next_one_waits_for_its_time(
    alice: Tenant, rhea: Member, clock: Clock, settings: Settings
) -> None:
    for number in range(3):
        builders.held(alice, subject=f"Number {number}")
    later(clock, minutes=1)
    builders.held(alice, subject="Number 3")
    assert later(clock, minutes=5) == 0
    assert later(clock, minutes=5) == 2
    first, second = mails(rhea)
    assert first.subject.startswith("3 mails wait for you")
    assert "Number 3" in second.body_text
    assert "Number 2" not in second.body_text


def test_what_was_decided_before_the_notice_is_not_mailed(alice: Tenant, rhea: Member, clock: Clock) -> None:
    review = builders.held(alice)
    decisions.approve(review, reviewer=builders.reviewer(rhea), version=1, now=platform_clock.now())
    assert later(clock, minutes=2) == 0


def test_words_come_again_when_half_and_four_fifths_of_the_time_are_over_and_then_no_more(
    alice: Tenant, rhea: Member, clock: Clock
) -> None:
    builders.held(alice)
    later(clock, minutes=1)
    assert later(clock, days=3) == 0
    assert later(clock, hours=12) == 2
    assert later(clock, days=2) == 0
    assert later(clock, hours=3) == 2
    assert later(clock, days=1) == 0
    assert [mail.subject.partition(" (")[0] for mail in mails(rhea)] == [
        "1 mail waits for you to review",
        "1 mail waits, about to expire undecided",
        "1 mail waits, about to expire undecided",
    ]
    assert "ABOUT TO EXPIRE" in mails(rhea)[-1].body_text


def test_a_worker_that_was_away_for_days_sends_one_notice_not_three(alice: Tenant, rhea: Member, clock: Clock) -> None:
    builders.held(alice)
    assert later(clock, days=6) == 2
    assert later(clock, hours=6) == 0


def test_a_member_may_have_subjects_left_out_and_no_mail_at_all(alice: Tenant, rhea: Member, clock: Clock) -> None:
    wish(rhea, names_subject=False)
    wish(alice.owner, style="none")
    builders.held(alice, subject="Your refund")
    assert later(clock, minutes=1) == 1
    [mail] = mails(rhea)
    assert "Your refund" not in mail.body_text
    assert "Your refund" not in (mail.body_html or "")
    assert later(clock, days=6) == 1


def test_in_quiet_hours_only_what_is_about_to_expire_is_mailed_and_the_rest_comes_when_they_end(
    alice: Tenant, rhea: Member, clock: Clock
) -> None:
    wish(alice.owner, style="none")
    wish(rhea, quiet_from=time(11), quiet_to=time(13, 30))
    builders.held(alice, subject="Quiet")
    assert later(clock, minutes=1) == 0
    assert later(clock, minutes=60) == 0
    assert later(clock, minutes=29) == 1
    [mail] = mails(rhea)
    assert mail.subject.startswith("1 mail waits for you to review")
    clock.set(NOON + timedelta(days=6))
    assert later(clock, minutes=1) == 1
    assert "about to expire" in mails(rhea)[-1].subject


def test_a_digest_comes_once_a_day_on_the_members_own_clock_and_not_when_nothing_waits(
    alice: Tenant, rhea: Member, clock: Clock
) -> None:
    wish(alice.owner, style="none")
    wish(rhea, style="digest", daily_at=time(8), zone="Asia/Kathmandu", escalates=False)
    for number in range(25):
        builders.held(alice, subject=f"Number {number}")
    assert later(clock, minutes=1) == 0
    clock.set(datetime(2026, 5, 5, 2, 14, tzinfo=UTC))  # 7:59 there
    assert review_notices.send_due(now=platform_clock.now()) == 0
    assert later(clock, minutes=1) == 1
    [mail] = mails(rhea)
    assert mail.subject.startswith("25 mails wait for you to review")
    assert mail.body_text.count("/n/") == 20
    assert "and 5 more" in mail.body_text
    Review.objects.update(expires_at=platform_clock.now())
    while reviews.expire_due(now=platform_clock.now()):
        pass
    assert later(clock, days=1) == 0
    assert NoticeSettings.objects.get(member=rhea).next_mail_at == datetime(2026, 5, 7, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("quiet_from", "quiet_to", "quiet", "loud"),
    [((22, 0), (6, 30), ["22:00", "23:59", "00:00", "06:29"], ["06:30", "21:59", "12:00"]),
     ((12, 0), (13, 0), ["12:00", "12:59"], ["11:59", "13:00"])],
)  # fmt: skip
def test_quiet_hours_may_go_over_midnight(
    quiet_from: tuple[int, int], quiet_to: tuple[int, int], quiet: list[str], loud: list[str]
) -> None:
    wishes = NoticeSettings(quiet_from=time(*quiet_from), quiet_to=time(*quiet_to), zone="Europe/Vienna")
    for told, is_quiet in [*((text, True) for text in quiet), *((text, False) for text in loud)]:
        local = datetime.fromisoformat(f"2026-07-01T{told}+02:00")
        assert notice_times.is_quiet(wishes, now=local.astimezone(UTC)) is is_quiet, told


def test_the_clock_that_leaps_gives_one_digest_a_day() -> None:
    wishes = NoticeSettings(daily_at=time(2, 30), zone="Europe/Vienna")
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    first = notice_times.next_digest(wishes, now=before)
    assert first - before < timedelta(days=1)
    assert timedelta(hours=22) < notice_times.next_digest(wishes, now=first) - first < timedelta(hours=26)


# --- the chat tool ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_chat_tool_is_told_which_agents_mail_waits_and_no_subject(
    alice: Tenant, clock: Clock, settings: Settings
) -> None:
    with receiver() as chat:
        settings.WEBHOOK_ALLOW = [chat.door]
        notice_wishes.set_chat(alice.owner, f"http://{chat.door}/hook", now=platform_clock.now())
        review = builders.held(alice, subject="Your refund")
        later(clock, minutes=1)
        [told] = chat.heard
        text = told.json["text"]
        assert text.startswith(f"1 mail waits for review in {alice.account.slug}\n")
        assert f"/review/{review.pk}/" in text
        assert "Your refund" not in text
        assert AccountNotices.objects.get(account=alice.account).chat_error == ""


@pytest.mark.django_db(transaction=True)
def test_a_chat_tool_that_fails_keeps_no_mail_back_and_is_noted(
    alice: Tenant, rhea: Member, clock: Clock, settings: Settings
) -> None:
    with receiver([saying(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")]) as chat:
        settings.WEBHOOK_ALLOW = [chat.door]
        notice_wishes.set_chat(alice.owner, f"http://{chat.door}/hook", now=platform_clock.now())
        builders.held(alice)
        assert later(clock, minutes=1) == 2
        plan = AccountNotices.objects.get(account=alice.account)
        assert plan.chat_error == "the server answered with the status 500"


# --- the link ---------------------------------------------------------------------------------------------------------


def test_a_link_that_is_fetched_ten_times_changes_nothing_and_tells_nothing(
    alice: Tenant, rhea: Member, clock: Clock
) -> None:
    review = builders.held(alice, subject="Your refund")
    later(clock, minutes=1)
    path = link_in(mails(rhea)[0])
    before = Event.objects.count()
    for method in ("get", "head") * 5:
        response = getattr(Client(), method)(path)
        assert response.status_code == 200
        assert "Your refund" not in text_of(response)
        assert "no-store" in response.headers["Cache-Control"]
    assert Client().post(path).status_code == 405
    assert Event.objects.count() == before
    review.refresh_from_db()
    assert (review.state, review.version) == ("open", 1)


def test_a_link_leads_its_own_member_to_the_review_and_nobody_else(alice: Tenant, rhea: Member, clock: Clock) -> None:
    review = builders.held(alice)
    later(clock, minutes=1)
    path = link_in(mails(rhea)[0])
    followed = seat(rhea).get(path)
    assert (followed.status_code, followed.headers["Location"]) == (302, f"/review/{review.pk}/")
    assert seat(alice.owner).get(path).status_code == 404
    assert seat(builders.tenant("charlie").owner).get(path).status_code == 404
    signed_out = Client().get(path)
    assert f"next={path.replace(':', '%3A')}" in text_of(signed_out).replace("%2F", "/")


def test_a_link_is_over_after_a_day_and_a_forged_one_never_worked(
    alice: Tenant, rhea: Member, clock: Clock, settings: Settings
) -> None:
    builders.held(alice)
    later(clock, minutes=1)
    path = link_in(mails(rhea)[0])
    assert seat(rhea).get(f"{path[:-3]}x/").status_code == 410
    settings.NOTICE_LINK_HOURS = 0
    over = seat(rhea).get(path)
    assert over.status_code == 410
    assert "This link is over" in text_of(over)


# --- the settings page ------------------------------------------------------------------------------------------------


def test_a_member_says_what_they_wish_to_hear(alice: Tenant, rhea: Member) -> None:
    browser = seat(rhea)
    assert "In a chat tool" not in text_of(browser.get("/settings/notices/"))
    asked = {"what": "wishes", "style": "digest", "daily_at": "07:15", "zone": "Europe/Vienna",
             "quiet_from": "22:00", "quiet_to": "06:00", "names_subject": "on"}  # fmt: skip
    assert browser.post("/settings/notices/", asked).status_code == 302
    wishes = notice_wishes.of(rhea)
    assert (wishes.style, wishes.daily_at, wishes.escalates, wishes.names_subject) == (
        "digest",
        time(7, 15),
        False,
        True,
    )
    assert wishes.next_mail_at == datetime(2026, 5, 5, 5, 15, tzinfo=UTC)
    assert 'value="07:15"' in text_of(browser.get("/settings/notices/"))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"zone": "Middle/Earth"}, "This time zone is unknown"), ({"quiet_to": ""}, "a beginning and an end"),
     ({"style": "shout"}, "Select a valid choice"), ({"daily_at": "25:00"}, "Enter a valid time")],
)  # fmt: skip
def test_what_can_not_be_is_told_beside_its_field(
    alice: Tenant, rhea: Member, wrong: dict[str, str], told: str
) -> None:
    asked = {
        "what": "wishes",
        "style": "each",
        "daily_at": "07:15",
        "zone": "UTC",
        "quiet_from": "22:00",
        "quiet_to": "06:00",
    }
    response = seat(rhea).post("/settings/notices/", asked | wrong)
    assert response.status_code == 422
    assert told in text_of(response)
    assert not NoticeSettings.objects.exists()


def test_only_who_manages_names_the_chat_tool_and_no_address_inside(alice: Tenant, rhea: Member) -> None:
    asked = {"what": "chat", "chat_url": "https://chat.example/hook"}
    assert seat(rhea).post("/settings/notices/", asked).status_code == 403
    refused = seat(alice.owner).post("/settings/notices/", asked | {"chat_url": "https://127.0.0.1/hook"})
    assert refused.status_code == 422
    assert notice_wishes.chat_url(alice.owner) == ""
    assert seat(alice.owner).post("/settings/notices/", asked).status_code == 302
    assert notice_wishes.chat_url(alice.owner) == "https://chat.example/hook"
