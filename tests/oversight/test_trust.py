"""The trust ladder: a mailbox climbs by a code that only people get, and an agent may always tighten."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from pytest_django import Settings

from mailboxes import clock as platform_clock
from mailboxes import keys, mailbox, oversight_address
from mailboxes.errors import Forbidden, NotFound
from mailboxes.models import Event, Mailbox, Role
from mailboxes.modes import OversightMode
from messaging.models import Message
from oversight import permits
from oversight.models import Permit, PermitState
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.conftest import Clock

pytestmark = pytest.mark.django_db

CODE = re.compile(r"\b[A-Z2-9]{3}-[A-Z2-9]{3}\b")


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def api(alice: Tenant) -> Api:
    return Api(alice.key_text)


def request(api: Api, box: Mailbox, mode: str = "monitored") -> Answer:
    return api.post(f"/mailboxes/{box.pk}/request-upgrade", {"targetMode": mode})


def upgrade(api: Api, box: Mailbox, code: str) -> Answer:
    return api.post(f"/mailboxes/{box.pk}/upgrade", {"code": code})


def mails(owner: Tenant) -> list[Message]:
    found = Message.objects.filter(to_addresses=[owner.owner.user.email], subject__startswith="Code for ")
    return list(found.order_by("created_at"))


def code_for(owner: Tenant) -> str:
    (code,) = CODE.findall(mails(owner)[-1].body_text)
    return str(code)


def wrong(code: str) -> str:
    return ("A" if code[0] != "A" else "B") + code[1:]


def mode_of(box: Mailbox) -> str:
    return Mailbox.objects.get(pk=box.pk).mode


def test_the_code_that_was_mailed_to_the_owner_lets_the_mailbox_climb(alice: Tenant, api: Api) -> None:
    asked = request(api, alice.mailbox)
    assert asked.status == 202
    assert asked.json["status"] == "upgrade_requested"
    assert (asked.json["mailboxId"], asked.json["targetMode"]) == (str(alice.mailbox.pk), "monitored")
    assert mode_of(alice.mailbox) == "gated_send"
    [mail] = mails(alice)
    assert mail.account.is_platform
    for text in (mail.body_text, mail.body_html or ""):
        assert "from gated_send to monitored" in text
        assert alice.mailbox.full_address in text
        assert alice.agent_actor.key is not None
        assert alice.agent_actor.key.prefix in text
    done = upgrade(api, alice.mailbox, code_for(alice))
    assert (done.status, done.json) == (
        200,
        {"status": "upgraded", "mailboxId": str(alice.mailbox.pk), "mode": "monitored"},
    )
    assert mode_of(alice.mailbox) == "monitored"
    kinds = list(Event.objects.filter(account=alice.account).order_by("seq").values_list("kind", flat=True))
    assert kinds[-3:] == ["permit.asked", "permit.used", "mailbox.mode_changed"]


def test_a_code_works_once(alice: Tenant, api: Api) -> None:
    request(api, alice.mailbox)
    code = code_for(alice)
    upgrade(api, alice.mailbox, code)
    mailbox.set_mode(alice.mailbox, OversightMode.GATED_SEND, by="test", now=platform_clock.now())
    assert upgrade(api, alice.mailbox, code).status == 404
    assert mode_of(alice.mailbox) == "gated_send"


@pytest.mark.parametrize("spelling", [str.lower, lambda code: code.replace("-", " "), lambda code: f" {code} "])
def test_a_code_is_read_as_people_say_it(alice: Tenant, api: Api, spelling: object) -> None:
    request(api, alice.mailbox)
    assert callable(spelling)
    assert upgrade(api, alice.mailbox, spelling(code_for(alice))).status == 200


def test_five_wrong_codes_end_the_request(alice: Tenant, api: Api) -> None:
    request(api, alice.mailbox)
    code = code_for(alice)
    for left in (4, 3, 2, 1):
        refused = upgrade(api, alice.mailbox, wrong(code))
        assert (refused.status, refused.json["code"]) == (403, "wrong_code")
        assert f"{left} more tries" in refused.json["fix"]
    assert upgrade(api, alice.mailbox, wrong(code)).json["fix"] == "Ask for a new one."
    assert upgrade(api, alice.mailbox, code).status == 404
    assert Permit.objects.get().state == PermitState.REFUSED
    assert mode_of(alice.mailbox) == "gated_send"


def test_the_last_try_may_be_the_right_one(alice: Tenant, api: Api) -> None:
    request(api, alice.mailbox)
    code = code_for(alice)
    for _ in range(4):
        upgrade(api, alice.mailbox, wrong(code))
    assert upgrade(api, alice.mailbox, code).status == 200


def test_a_new_request_makes_the_code_before_it_void(alice: Tenant, api: Api) -> None:
    request(api, alice.mailbox)
    old = code_for(alice)
    request(api, alice.mailbox)
    assert upgrade(api, alice.mailbox, old).status == 403
    assert upgrade(api, alice.mailbox, code_for(alice)).status == 200


def test_a_code_is_for_one_mailbox_one_mode_and_one_key(alice: Tenant, api: Api) -> None:
    asked = mailbox.NewMailbox(address="second", domain=alice.mailbox.domain, agent=alice.agent)
    other_box = mailbox.create(alice.account, asked, now=platform_clock.now())
    other_key = Api(keys.create_agent_key(alice.agent, now=platform_clock.now())[1])
    request(api, alice.mailbox)
    code = code_for(alice)
    assert upgrade(api, other_box, code).status == 404
    assert upgrade(other_key, alice.mailbox, code).status == 404
    stranger = builders.tenant("charlie")
    assert upgrade(Api(stranger.key_text), alice.mailbox, code).status == 404
    assert request(Api(stranger.key_text), alice.mailbox).status == 404
    assert upgrade(api, alice.mailbox, code).json["mode"] == "monitored"


def test_a_code_opens_nothing_after_a_human_changed_the_mode(alice: Tenant, api: Api) -> None:
    request(api, alice.mailbox)
    mailbox.set_mode(alice.mailbox, OversightMode.READ_ONLY, by="test", now=platform_clock.now())
    refused = upgrade(api, alice.mailbox, code_for(alice))
    assert (refused.status, refused.json["code"]) == (409, "mode_changed")
    assert mode_of(alice.mailbox) == "read_only"


def test_a_code_is_over_after_a_day(alice: Tenant, api: Api, clock: Clock) -> None:
    clock.set(platform_clock.now())
    request(api, alice.mailbox)
    code = code_for(alice)
    clock.advance(days=1, seconds=1)
    assert upgrade(api, alice.mailbox, code).status == 404


def test_three_requests_an_hour_and_the_fourth_is_told_how_long_to_wait(alice: Tenant, api: Api, clock: Clock) -> None:
    clock.set(platform_clock.now())
    for _ in range(3):
        assert request(api, alice.mailbox).status == 202
        clock.advance(seconds=600)
    refused = request(api, alice.mailbox)
    assert (refused.status, refused.json["code"]) == (429, "too_many_upgrades")
    assert int(refused.headers["Retry-After"]) == 30 * 60 + 1
    assert upgrade(api, alice.mailbox, code_for(alice)).status == 200
    clock.advance(seconds=31 * 60)
    assert request(api, alice.mailbox, "autonomous").status == 202


@pytest.mark.parametrize("mode", ["gated_all", "gated_send"])
def test_what_is_not_freer_needs_no_code(alice: Tenant, api: Api, mode: str) -> None:
    refused = request(api, alice.mailbox, mode)
    assert (refused.status, refused.json["code"]) == (400, "not_an_upgrade")
    assert mails(alice) == []


def test_an_agent_tightens_its_own_mailbox_and_never_loosens_it(alice: Tenant, api: Api) -> None:
    path = f"/mailboxes/{alice.mailbox.pk}"
    refused = api.patch(path, {"mode": "autonomous", "displayName": "Free at last"})
    assert (refused.status, refused.json["code"]) == (403, "mode_not_stricter")
    assert "request-upgrade" in refused.json["fix"]
    box = Mailbox.objects.get(pk=alice.mailbox.pk)
    assert (box.mode, box.display_name) == ("gated_send", alice.mailbox.display_name)
    assert api.patch(path, {"mode": "gated_send"}).status == 200
    assert api.patch(path, {"mode": "read_only"}).status == 200
    assert mode_of(alice.mailbox) == "read_only"


def test_the_code_stands_in_the_mail_and_nowhere_else(alice: Tenant, api: Api) -> None:
    asked = request(api, alice.mailbox)
    code = code_for(alice)
    bare = code.replace("-", "")
    permit = Permit.objects.get()
    everything = [str(asked.json), *(str(getattr(permit, field.attname)) for field in Permit._meta.concrete_fields)]
    everything += Event.objects.values_list("data", flat=True)
    everything.append(str(api.get("/events/log", events="*").json))
    everything.append(str(api.get(f"/mailboxes/{alice.mailbox.pk}/messages").json))
    assert not [text for text in everything if code in text or bare in text]


def test_a_code_is_mailed_to_nobody_whose_mail_this_server_delivers(alice: Tenant, settings: Settings) -> None:
    assert oversight_address.find(alice.account) == alice.owner.user.email
    alice.owner.user.email = f"boss@{settings.PLATFORM_DOMAIN}"
    alice.owner.user.save()
    assert oversight_address.find(alice.account) is None
    refused = request(Api(alice.key_text), alice.mailbox)
    assert refused.status == 403


def test_a_person_allows_or_refuses_what_waits(alice: Tenant, api: Api) -> None:
    request(api, alice.mailbox)
    code = code_for(alice)
    [permit] = permits.waiting(alice.account.pk, now=platform_clock.now())
    rhea = builders.member(alice.account, role=Role.REVIEWER)
    with pytest.raises(Forbidden):
        permits.refuse(rhea, permit.pk, now=platform_clock.now())
    with pytest.raises(NotFound):
        permits.refuse(builders.tenant("charlie").owner, permit.pk, now=platform_clock.now())
    permits.refuse(alice.owner, permit.pk, now=platform_clock.now())
    assert upgrade(api, alice.mailbox, code).status == 404
    assert not permits.waiting(alice.account.pk, now=platform_clock.now())


def test_a_button_lets_the_mailbox_climb_without_a_code_and_once(alice: Tenant, api: Api) -> None:
    request(api, alice.mailbox)
    path, now = f"/mailboxes/{alice.mailbox.pk}/upgrade", platform_clock.now()
    assert api.post(path, {}).status == 404
    permit = Permit.objects.get()
    assert permit.tries_left == 5
    permits.grant(alice.owner, permit.pk, second_step_at=now, now=now)
    other = Api(keys.create_agent_key(alice.agent, now=now)[1])
    assert other.post(path, {}).status == 404
    assert api.post(path, {"code": ""}).json["mode"] == "monitored"
    mailbox.set_mode(alice.mailbox, OversightMode.GATED_SEND, by="test", now=now)
    assert api.post(path, {}).status == 404


def test_a_button_opens_nothing_once_a_person_has_changed_the_mode(alice: Tenant, api: Api) -> None:
    request(api, alice.mailbox)
    now = platform_clock.now()
    permits.grant(alice.owner, Permit.objects.get().pk, second_step_at=now, now=now)
    mailbox.set_mode(alice.mailbox, OversightMode.READ_ONLY, by="test", now=now)
    assert api.post(f"/mailboxes/{alice.mailbox.pk}/upgrade", {}).status == 409
    assert mode_of(alice.mailbox) == "read_only"


@pytest.mark.parametrize("minutes", [None, 16])
def test_a_button_takes_a_second_step(alice: Tenant, api: Api, minutes: int | None) -> None:
    request(api, alice.mailbox)
    now, permit = platform_clock.now(), Permit.objects.get()
    proven_at = None if minutes is None else now - timedelta(minutes=minutes)
    with pytest.raises(Forbidden) as refused:
        permits.grant(alice.owner, permit.pk, second_step_at=proven_at, now=now)
    assert refused.value.code == "second_step_required"
    assert Permit.objects.get().state == PermitState.WAITING
