"""`/v1/policy`: agents ask what would become of a send, members give and try rules."""

from __future__ import annotations

from typing import Any

import pytest

from mailboxes.models import Role
from mailboxes.modes import OversightMode
from messaging.models import Attachment, Message
from oversight import back_test_runs
from oversight.console import why
from oversight.models import Review
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant

from .sends import MAIL, send, upload

pytestmark = pytest.mark.django_db

RULES = "/policy/rule-sets/account"
FIRST = builders.rule("no-strangers", "hold", {"kind": "first_contact"}, lane="strangers", risk="medium")
SECRET_LIST = {"kind": "recipient_list", "addresses": ["kim@friends.example", "hush@rival.example"]}


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


def owner(tenant: Tenant) -> Api:
    return Api(builders.decide_key(tenant.owner))


def ask(api: Api, tenant: Tenant, **fields: Any) -> Answer:
    return api.post("/policy/evaluate", MAIL | {"mailboxId": str(tenant.mailbox.pk)} | fields)


class TestEvaluate:
    def test_an_agent_is_told_what_the_send_then_gets(self, alice: Tenant) -> None:
        builders.rules(alice, FIRST)
        told = ask(Api(alice.key_text), alice)
        assert told.status == 200
        evaluation = told.json["evaluation"]
        assert set(evaluation) == {"outcome", "code", "text", "fix", "also"}
        sent = send(alice).json["message"]
        assert (evaluation["outcome"], sent["state"]) == ("hold", "held")
        assert sent["stateReason"] == {"code": evaluation["code"], "text": evaluation["text"]}

    def test_an_agent_never_sees_thresholds_lists_or_names(self, alice: Tenant) -> None:
        rule = builders.rule("over-31337", "hold", {"kind": "recipients", "over": 0}, SECRET_LIST)
        builders.rules(alice, rule | {"name": "Over 31337"})
        api = Api(alice.key_text)
        sent = send(alice).json["message"]
        path = f"/mailboxes/{alice.mailbox.pk}/messages/{sent['id']}"
        pages = [ask(api, alice).json, sent, api.get(path).json, api.get(f"{path}/timeline").json]
        pages += [api.get("/events/log").json, api.get("/oversight/pending").json]
        for page in pages:
            assert "31337" not in str(page)
            assert "hush@" not in str(page)

    def test_a_decide_key_gets_facts_and_the_whole_trace(self, alice: Tenant) -> None:
        builders.rules(alice, FIRST)
        evaluation = ask(owner(alice), alice).json["evaluation"]
        assert evaluation["facts"]["recipients"] == ["kim@friends.example"]
        assert evaluation["facts"]["firstContacts"] == ["kim@friends.example"]
        assert (evaluation["lane"], evaluation["risk"], evaluation["people"]) == ("strangers", "medium", 1)
        assert [line["rule"] for line in evaluation["trace"]] == [
            "oversight_mode",
            "floor",
            "own_key",
            "thread_breaker",
            "no-strangers",
        ]
        assert evaluation["trace"][-1] | {"text": "", "fix": ""} == {
            "rule": "no-strangers",
            "version": 1,
            "result": "matched",
            "outcome": "hold",
            "code": "first_contact",
            "text": "",
            "fix": "",
            "detail": "kim@friends.example",
            "lane": "strangers",
            "people": 1,
            "risk": "medium",
            "isFloor": False,
            "clearedBy": "",
            "scope": "account",
            "name": "No-Strangers",
            "isShadow": False,
        }
        assert [one["version"] for one in evaluation["ruleSets"]] == [1]

    def test_what_a_send_is_refused_for_before_any_policy_is_told_so_here(self, alice: Tenant) -> None:
        api = Api(alice.key_text)
        for fields, code in (
            ({"to": []}, "missing_field"),
            ({"subject": "a\nb"}, "subject_characters"),
            ({"oversightMode": "sideways"}, "invalid_field"),
            ({"color": "red"}, "unknown_field"),
        ):
            asked, sent = ask(api, alice, **fields), send(alice, MAIL | fields)
            assert (asked.status, asked.code) == (sent.status, sent.code) == (400, code)
        unverified = builders.tenant(is_verified=False)
        assert ask(Api(unverified.key_text), unverified).code == "email_not_verified"
        assert api.post("/policy/evaluate", MAIL).code == "missing_field"

    def test_a_strangers_mailbox_is_not_there(self, alice: Tenant) -> None:
        charlie = builders.tenant("charlie")
        for key in (charlie.key_text, builders.decide_key(charlie.owner)):
            assert ask(Api(key), alice).status == 404
        assert ask(Api(alice.key_text), alice, mailboxId="no-id").status == 404

    def test_files_are_looked_at_and_nothing_is_stored_or_fetched(self, alice: Tenant) -> None:
        builders.rules(alice, builders.rule("files", "hold", {"kind": "attachments", "types": ["pdf"]}))
        mine = upload(alice)
        before = Attachment.objects.count()
        api = Api(alice.key_text)
        assert ask(api, alice, attachments=[mine]).json["evaluation"]["code"] == "attachments"
        told = ask(api, alice, attachments=[{"filename": "a.pdf", "url": "https://files.example/a.pdf"}])
        assert (told.status, told.code) == (400, "not_in_dry_run")
        assert Attachment.objects.count() == before
        assert not Message.objects.filter(account=alice.account).exists()


class TestRules:
    def test_a_member_proposes_tries_publishes_and_rolls_back(self, alice: Tenant) -> None:
        api = owner(alice)
        assert (
            api.get(RULES).json["ruleSet"] | {"live": None, "latest": 0, "rules": []} == api.get(RULES).json["ruleSet"]
        )
        send(alice)
        made = api.post(f"{RULES}/versions", {"rules": [FIRST], "note": "Let us look"})
        assert (made.status, made.json["version"]["number"], made.json["version"]["isLive"]) == (201, 1, False)
        asked = api.post(f"{RULES}/versions/1/back-tests", {"days": 7})
        assert (asked.status, asked.json["backTest"]["state"]) == (202, "running")
        back_test_runs.run_due(busy_for=600)
        tested = api.get(f"{RULES}/versions/1/back-tests/{asked.json['backTest']['id']}").json["backTest"]
        assert (tested["lookedAt"], tested["moves"]) == (1, [{"before": "allow", "after": "hold", "count": 1}])
        assert api.post(f"{RULES}/versions/1/publish", {"live": 0}).json["version"]["isLive"] is True
        assert api.get(RULES).json["ruleSet"]["rules"] == [FIRST]
        api.post(f"{RULES}/versions", {"rules": []})
        api.post(f"{RULES}/versions/2/publish")
        back = api.post(f"{RULES}/versions/1/roll-back", {"live": 2})
        assert (back.status, back.json["version"]["number"], back.json["version"]["copyOf"]) == (201, 3, 1)
        page = api.get(f"{RULES}/versions", limit=2).json
        assert [one["number"] for one in page["versions"]] == [3, 2]
        assert [one["number"] for one in api.get(f"{RULES}/versions", before=page["before"]).json["versions"]] == [1]

    def test_what_is_wrong_with_a_rule_is_told_by_rule_and_field(self, alice: Tenant) -> None:
        bad = builders.rule("bad", "hold", {"kind": "volume", "perHour": "many"})
        told = owner(alice).post(f"{RULES}/versions", {"rules": [FIRST, bad]})
        assert (told.status, told.code) == (400, "invalid_rules")
        assert (told.json["rule"], told.json["field"]) == ("bad", "rules[1].when[0].perHour")

    def test_a_wildcard_at_a_free_mail_provider_is_warned_of(self, alice: Tenant) -> None:
        wide = builders.rule("wide", "allow", {"kind": "recipient_list", "addresses": ["*@gmail.com"]})
        [warning] = owner(alice).post(f"{RULES}/versions", {"rules": [wide]}).json["version"]["warnings"]
        assert (warning["rule"], warning["field"]) == ("wide", "when[0].addresses")

    def test_every_template_can_be_proposed(self, alice: Tenant) -> None:
        templates = Api(alice.key_text).get("/policy/templates").json["templates"]
        told = owner(alice).post(f"{RULES}/versions", {"rules": [one["rule"] for one in templates]})
        assert told.status == 201

    def test_a_reviewers_key_reads_rules_and_changes_none(self, alice: Tenant) -> None:
        rhea = Api(builders.decide_key(builders.member(alice.account, role=Role.REVIEWER)))
        builders.rules(alice, FIRST)
        assert rhea.get(RULES).status == 200
        for path in ("versions", "versions/1/publish", "versions/1/roll-back", "versions/1/back-tests"):
            assert rhea.post(f"{RULES}/{path}", {}).code == "may_not_manage"

    def test_versions_that_do_not_exist_are_not_there(self, alice: Tenant) -> None:
        builders.rules(alice, FIRST)
        for number in ("0", "2", "-1", "1e1", "x", "9" * 30, "²"):
            assert owner(alice).get(f"{RULES}/versions/{number}").status == 404


def test_people_read_at_the_console_which_rule_held_it_what_it_found_and_what_else(alice: Tenant) -> None:
    money = builders.rule("money", "hold", {"kind": "amount", "over": 1000}, risk="high", name="Money over 1,000")
    builders.rules(alice, money, FIRST)
    send(alice, MAIL | {"bodyText": "Please pay EUR 4,200.00 by Monday."})
    told = why.of(_with_trace(Review.objects.get()))
    assert told.startswith("“Money over 1,000”, rule version 1: EUR 4,200.00.")
    assert "Also: “No-Strangers”." in told
    assert "left by itself" not in told


def _with_trace(review: Review) -> Review:
    review.trace = review.message.evaluations.get().trace  # type: ignore[attr-defined]  # as the page's query adds it
    return review
