"""Dangerous acts of agents wait for a person where the account asks for it: I23, R2, R3, R17, A23."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from pytest_django import Settings

from mailboxes import clock, keys, oversight_address
from mailboxes.models import ApiKey, Event, User
from messaging.models import Message, WebhookEndpoint
from oversight import act_notices, permits
from oversight.models import Permit, PermitState
from tests import builders
from tests.api_client import Api
from tests.builders import PASSWORD, Tenant
from tests.conftest import Clock

from .leave import EVIL, asks_first, call, code_for, mails, waiting, webhooks, wrong

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    owner = builders.tenant()
    asks_first(owner)
    return owner


@pytest.fixture
def api(alice: Tenant) -> Api:
    return Api(alice.key_text)


def grant(owner: Tenant, permit: Permit) -> None:
    permits.grant(owner.owner, permit.pk, second_step_at=clock.now(), now=clock.now())


class TestAWebhookToAStrangersHost:
    def test_is_not_made_but_asked_for(self, alice: Tenant, api: Api) -> None:
        before = Event.objects.filter(account=alice.account).count()
        answer = call(api)
        permit = waiting(alice)
        assert answer.status == 202
        assert answer.json["status"] == "pending_approval"
        assert answer.json["permitId"] == str(permit.pk)
        assert "Approval-Code" in answer.json["message"]
        assert webhooks(alice) == 0
        events = Event.objects.filter(account=alice.account).order_by("seq")[before:]
        assert [event.kind for event in events] == ["permit.asked"]
        assert permit.expires_at - permit.asked_at == timedelta(minutes=60)

    def test_is_told_to_people_in_its_values_and_nowhere_else_in_a_code(self, alice: Tenant, api: Api) -> None:
        answer = call(api, body=EVIL | {"headers": {"X-Token": "s3cret-value"}})
        [mail] = mails(alice)
        for text in (mail.body_text, mail.body_html or ""):
            assert "make a webhook to https://collect.example/drop" in text
            assert "message.received" in text
            assert "X-Token" in text
            assert "s3cret-value" not in text
            assert alice.key_text[:14] in text
        assert mail.account.is_platform
        code = code_for(alice)
        shown = str(answer.json) + str(api.get("/events/log").json) + str(api.get("/account").json)
        assert code not in shown + str(list(Permit.objects.values()))

    def test_is_made_by_the_same_call_with_the_code_and_once(self, alice: Tenant, api: Api) -> None:
        call(api)
        code = code_for(alice)
        done = call(api, code.lower().replace("-", " "))
        assert (done.status, webhooks(alice)) == (201, 1)
        assert done.json["webhook"]["url"] == EVIL["url"]
        assert call(api, code).status == 404
        assert webhooks(alice) == 1
        kinds = list(Event.objects.filter(account=alice.account).order_by("-seq").values_list("kind", flat=True)[:2])
        assert kinds == ["permit.used", "webhook.created"]

    def test_is_made_by_the_same_call_without_a_code_once_a_person_allowed_it(self, alice: Tenant, api: Api) -> None:
        call(api)
        grant(alice, waiting(alice))
        assert call(api).status == 201
        again = call(api)
        assert (again.status, webhooks(alice)) == (202, 1)
        assert len(mails(alice)) == 2

    def test_is_asked_for_once_however_often_it_is_called(self, alice: Tenant, api: Api) -> None:
        answers = [call(api, Idempotency_Key="one") for _ in range(3)]
        assert {answer.json["permitId"] for answer in answers} == {str(waiting(alice).pk)}
        assert len(mails(alice)) == 1

    def test_a_202_is_not_kept_as_the_answer_of_the_act(self, alice: Tenant, api: Api) -> None:
        assert call(api, Idempotency_Key="one").status == 202
        done = call(api, code_for(alice), Idempotency_Key="one")
        again = call(api, Idempotency_Key="one")
        assert (done.status, again.status) == (201, 201)
        assert again.json == done.json
        assert again.headers["Idempotent-Replayed"] == "true"
        assert webhooks(alice) == 1


class TestACodeOrAButtonOpensNothingElse:
    @pytest.mark.parametrize("by_button", [False, True])
    def test_no_other_body(self, alice: Tenant, api: Api, by_button: bool) -> None:
        call(api)
        code = "" if by_button else code_for(alice)
        if by_button:
            grant(alice, waiting(alice))
        for changed in ({"url": "https://collect.example/other"}, {"events": ["*"]}, {"headers": {"X": "y"}}):
            assert call(api, code, body=EVIL | changed).status == (202 if by_button else 404)
        assert webhooks(alice) == 0

    @pytest.mark.parametrize("by_button", [False, True])
    def test_no_other_key_and_no_other_account(self, alice: Tenant, api: Api, by_button: bool) -> None:
        other = Api(keys.create_agent_key(alice.agent, now=clock.now())[1])
        charlie = builders.tenant("charlie")
        asks_first(charlie)
        call(api)
        code = "" if by_button else code_for(alice)
        if by_button:
            grant(alice, waiting(alice))
        for stranger in (other, Api(charlie.key_text)):
            assert call(stranger, code).status == (202 if by_button else 404)
        assert webhooks(alice) == webhooks(charlie) == 0

    def test_no_other_route_and_no_other_state_of_the_thing(self, alice: Tenant, api: Api) -> None:
        endpoint, _ = builders.webhook(alice)
        path = f"/webhooks/{endpoint.pk}"
        assert api.send("DELETE", path).status == 202
        code = code_for(alice)
        assert api.send("POST", f"{path}/rotate-secret", {}, Approval_Code=code).status == 404
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(url="https://collect.example/elsewhere")
        assert api.send("DELETE", path, Approval_Code=code).status == 404
        assert webhooks(alice) == 1

    @pytest.mark.parametrize("by_button", [False, True])
    def test_nothing_when_its_time_is_over(self, alice: Tenant, api: Api, clock: Clock, by_button: bool) -> None:
        clock.set(clock.now())
        call(api)
        code = "" if by_button else code_for(alice)
        if by_button:
            grant(alice, waiting(alice))
        clock.advance(seconds=3600)
        assert call(api, code).status == (202 if by_button else 404)
        assert webhooks(alice) == 0


class TestGuessing:
    def test_ends_after_five_codes(self, alice: Tenant, api: Api) -> None:
        call(api)
        code = code_for(alice)
        for left in (4, 3, 2, 1, 0):
            refused = call(api, wrong(code))
            assert (refused.status, refused.code) == (403, "wrong_code")
            assert Permit.objects.get().tries_left == left
        assert call(api, code).status == 404
        assert (Permit.objects.get().state, webhooks(alice)) == (PermitState.REFUSED, 0)

    def test_asking_is_limited_by_the_hour(self, alice: Tenant, api: Api, settings: Settings) -> None:
        settings.PERMITS_PER_HOUR = 2
        answers = [call(api, body=EVIL | {"url": f"https://collect.example/{number}"}) for number in range(3)]
        assert [answer.status for answer in answers] == [202, 202, 429]
        assert answers[2].code == "too_many_permits"
        assert 0 < int(answers[2].headers["Retry-After"]) <= 3601
        assert len(mails(alice)) == 2
        assert call(api, body=EVIL | {"url": "https://collect.example/0"}).status == 202

    def test_what_a_person_refused_is_not_asked_again(self, alice: Tenant, api: Api) -> None:
        call(api)
        code = code_for(alice)
        permits.refuse(alice.owner, waiting(alice).pk, now=clock.now())
        assert call(api, code).status == 404
        again = call(api)
        assert (again.status, again.code, len(mails(alice))) == (403, "permit_refused", 1)


def test_what_cannot_be_done_at_all_bothers_nobody(alice: Tenant, api: Api, settings: Settings) -> None:
    settings.WEBHOOKS_PER_ACCOUNT = 1
    builders.webhook(alice)
    assert call(api).code == "webhook_limit"
    assert call(api, body={"url": "http://collect.example", "events": ["*"]}).status == 400
    assert not Permit.objects.exists()


def test_nobody_is_asked_at_an_address_that_this_server_delivers(alice: Tenant, api: Api) -> None:
    User.objects.filter(pk=alice.owner.user.pk).update(email=alice.mailbox.full_address)
    assert oversight_address.find(alice.account) is None
    assert call(api).status == 403
    assert not Message.objects.filter(subject__startswith="Code for ").exists()


def _key(owner: Tenant) -> ApiKey:
    return keys.create_agent_key(owner.agent, now=clock.now())[0]


def test_the_rest_of_them_is_done_once_with_leave(alice: Tenant, api: Api) -> None:
    for path, status in ((f"/api-keys/{_key(alice).pk}", 200), (f"/mailboxes/{alice.mailbox.pk}", 200)):
        assert api.delete(path).status == 202
        assert api.send("DELETE", path, Approval_Code=code_for(alice)).status == status
    assert api.send("DELETE", "/account", {"confirm": "DELETE"}).status == 202
    gone = api.send("DELETE", "/account", {"confirm": "DELETE"}, Approval_Code=code_for(alice))
    assert gone.status == 200
    assert api.get("/account").status == 401


class TestAnAgentAlways:
    def test_revokes_itself_and_lesser_keys_at_once(self, alice: Tenant) -> None:
        made, text = keys.create_agent_key(alice.agent, now=clock.now())
        lesser = keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())[0]
        api = Api(text)
        assert api.delete(f"/api-keys/{lesser.pk}").status == 200
        assert api.delete(f"/api-keys/{made.pk}").status == 200
        assert api.get("/account").status == 401
        assert [one.state for one in Permit.objects.all()] == [PermitState.DONE] * 2

    def test_binds_itself_more_tightly_at_once(self, alice: Tenant, api: Api) -> None:
        own = ApiKey.objects.get(prefix=alice.key_text[:14])
        assert api.patch(f"/api-keys/{own.pk}", {"name": "bound"}).status == 200
        assert not Permit.objects.exists()

    def test_pauses_and_tightens_its_mailbox_at_once(self, alice: Tenant, api: Api) -> None:
        path = f"/mailboxes/{alice.mailbox.pk}"
        assert api.patch(path, {"status": "PAUSED", "mode": "gated_all"}).status == 200


@pytest.mark.parametrize("is_proven", [True, False])
def test_a_session_waits_unless_its_password_is_a_persons_own(alice: Tenant, is_proven: bool) -> None:
    cache.clear()
    if not is_proven:
        User.objects.filter(pk=alice.owner.user.pk).update(password_set_at=None)
    api = Api()
    api.post("/api/auth/sign-in/email", {"email": alice.owner.user.email, "password": PASSWORD})
    assert call(api).status == (201 if is_proven else 202)
    if not is_proven:
        assert call(api, code_for(alice)).status == 201


class TestWithoutTheSetting:
    @pytest.fixture
    def bob(self) -> Tenant:
        return builders.tenant("bob")

    def test_it_is_done_at_once_and_people_are_told_of_several_together(self, bob: Tenant) -> None:
        api = Api(bob.key_text)
        assert call(api).status == 201
        assert api.post("/api-keys", {"name": "spare"}).status == 201
        assert mails(bob, "Done in ") == []
        assert act_notices.send_due(now=clock.now()) == 1
        assert act_notices.send_due(now=clock.now()) == 0
        [mail] = mails(bob, "Done in ")
        assert "make a webhook to https://collect.example/drop" in mail.body_text
        assert 'make the live API key "spare"' in mail.body_text
        assert "nobody was asked" in mail.body_text
        assert "(and 1 more)" in mail.subject

    def test_people_are_mailed_no_more_than_every_two_minutes(self, bob: Tenant, clock: Clock) -> None:
        clock.set(clock.now())
        api = Api(bob.key_text)
        call(api)
        assert act_notices.send_due(now=clock.now()) == 1
        api.post("/api-keys", {})
        assert act_notices.send_due(now=clock.now()) == 0
        clock.advance(seconds=120)
        assert act_notices.send_due(now=clock.now()) == 1

    def test_nobody_is_told_of_what_came_to_nothing_or_of_test_data(self, bob: Tenant) -> None:
        assert Api(bob.key_text).delete(f"/api-keys/{ApiKey.objects.get(account=bob.account).pk}").code == "last_key"
        assert call(Api(builders.twin(bob).key_text)).status == 201
        assert not Permit.objects.exists()

    def test_the_owner_hears_who_deleted_the_account(self, bob: Tenant) -> None:
        assert Api(bob.key_text).send("DELETE", "/account", {"confirm": "DELETE"}).status == 200
        assert act_notices.send_due(now=clock.now()) == 1
        assert "delete the whole account" in mails(bob, "Done in ")[0].subject


def test_people_are_told_as_well_of_what_was_done_with_their_leave(alice: Tenant, api: Api) -> None:
    call(api)
    call(api, code_for(alice))
    act_notices.send_due(now=clock.now())
    assert "with the code from the mail" in mails(alice, "Done in ")[0].body_text


def test_what_an_agent_wrote_stays_in_quotes_and_in_its_line(alice: Tenant, api: Api) -> None:
    name = 'x" \u202e\nApproved by Gatepost "'
    assert api.post("/api-keys", {"name": name}).status == 202
    [mail] = mails(alice)
    assert "make the live API key \"x'  Approved by Gatepost '\"" in mail.body_text.replace("&quot;", '"')


def test_a_host_that_looks_like_another_is_told_as_what_it_is(alice: Tenant, api: Api) -> None:
    assert call(api, body=EVIL | {"url": "https://coll\u0435ct.example/"}).status == 202
    assert "https://coll\\u0435ct.example/" in mails(alice)[0].body_text
