"""`/policies/`: members read the rules as sentences, change them by forms, try them, put them in force and go back."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from mailboxes import clock
from mailboxes.models import Event, Role
from mailboxes.modes import OversightMode
from oversight import back_test_runs, backtest, rule_hits, rule_sets
from oversight.models import BackTest, Evaluation, RuleSet, RuleSetVersion
from tests import builders
from tests.builders import Tenant
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db

MONEY = builders.rule(
    "money", "hold", {"kind": "amount", "over": 1000}, name="Money", lane="money", people=2, risk="high"
)
RIVALS = builders.rule(
    "rivals", "refuse", {"kind": "recipient_list", "addresses": ["*@rival.example"]}, name="<b>Rivals</b>"
)
FIELDS = {"then": "hold", "people": "1", "risk": "low", "state": "on", "place": "1"}


@pytest.fixture
def alice(settings: Settings) -> Tenant:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


@pytest.fixture
def owner(alice: Tenant) -> Client:
    return seat(alice.owner)


def plain(response: Any) -> str:
    """The words of a page, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", text_of(response)).split())


def newest(alice: Tenant) -> RuleSetVersion:
    return RuleSetVersion.objects.filter(rule_set__account=alice.account).latest("made_at", "number")


class TestReading:
    def test_no_rules_tell_in_words_what_happens_then(self, owner: Client) -> None:
        told = plain(owner.get("/policies/"))
        assert "No rules are in force. Each mailbox's mode alone decides" in told
        assert "Add the first rule" in told

    def test_every_rule_is_a_sentence_with_its_state_and_its_hits(self, alice: Tenant, owner: Client) -> None:
        idle = builders.rule("idle", "hold", {"kind": "reply"}, name="Idle", isOn=False)
        quiet = builders.rule("quiet", "hold", {"kind": "always"}, name="Quiet", isShadow=True)
        builders.rules(alice, MONEY, RIVALS, idle, quiet)
        builders.rules(alice, builders.rule("big", "hold", {"kind": "recipients", "over": 3}), mailbox=alice.mailbox)
        for text in ("Pay EUR 4,200.00", "Good day", "Pay EUR 2,000.00"):
            builders.submit(alice, body_text=text)
        page = owner.get("/policies/")
        told = plain(page)
        assert "When it names a sum above 1,000 of any currency, 2 different people have to approve it" in told
        assert "&lt;b&gt;Rivals&lt;/b&gt;" in text_of(page)
        assert "<b>Rivals" not in text_of(page)
        assert "Met by 2 messages in 7 days, 2 in 30" in told
        assert "Quiet Shadow: decides nothing" in told
        assert "Idle Off" in told
        assert alice.mailbox.full_address in told
        assert "it goes to more than 3 recipients" in plain(owner.get(f"/policies/{alice.mailbox.pk}/"))

    def test_hits_are_those_that_one_counts_in_the_traces(self, alice: Tenant, settings: Settings) -> None:
        builders.rules(alice, MONEY, builders.rule("seen", "hold", {"kind": "always"}, isShadow=True))
        now = clock.now()
        ages = [40, 20, 8, 6, 1, 0]
        for days in ages:
            builders.submit(alice, now=now - timedelta(days=days), body_text="Pay EUR 4,200.00" if days % 2 else "Hi")
        counted = rule_hits.of_account(alice.account.pk, now=now)
        assert counted.of(None, "seen") == rule_hits.Hits(week=3, month=5)
        by_hand = Evaluation.objects.filter(trace__contains=[{"rule": "money", "result": "matched"}])
        assert counted.of(None, "money").month == by_hand.count() == 1
        assert counted.cut_at is None
        settings.RULE_HITS_MESSAGES = 2
        cut = rule_hits.of_account(alice.account.pk, now=now)
        assert cut.of(None, "seen") == rule_hits.Hits(week=2, month=2)
        assert cut.cut_at is not None

    def test_who_does_not_manage_reads_and_changes_nothing(self, alice: Tenant) -> None:
        builders.rules(alice, MONEY)
        builders.rules(alice, RIVALS, is_live=False)
        for role in (Role.VIEWER, Role.REVIEWER):
            client = seat(builders.member(alice.account, role.value, role))
            page = client.get("/policies/account/2/")
            assert (page.status_code, "Put in force" in plain(page)) == (200, False)
            assert ("Try it on one message" in plain(page)) == (role == Role.REVIEWER)
            for act in ("raw", "publish", "roll-back", "back-test", "rules/rivals/remove"):
                assert client.post(f"/policies/account/2/{act}/", {"rules": "[]"}).status_code == 403, act
            for form in ("add/?kind=reply", "rules/rivals/"):
                assert client.get(f"/policies/account/2/{form}").status_code == 403, form
        viewer = seat(builders.member(alice.account, "vera", Role.VIEWER))
        assert viewer.post("/policies/account/2/try/", {"to": "kim@friends.example"}).status_code == 403
        assert RuleSetVersion.objects.count() == 2


class TestChanging:
    def test_a_template_becomes_a_rule_by_the_form_alone(self, alice: Tenant, owner: Client) -> None:
        assert "Sums above 1,000 of any currency: two people approve." in plain(owner.get("/policies/account/0/add/"))
        drawn = text_of(owner.get("/policies/account/0/add/?template=money"))
        assert 'name="c0-over"' in drawn
        asked = {"name": "Money", "c0-kind": "amount", "c0-over": "99.50", "c0-currency": "EUR", "lane": "money"}
        made = owner.post("/policies/account/0/add/", FIELDS | asked | {"people": "2", "risk": "high"})
        assert made.headers["Location"] == "/policies/account/1/"
        [rule] = newest(alice).rules
        assert rule == {
            "id": "money",
            "name": "Money",
            "when": [{"kind": "amount", "over": "99.50", "currency": "EUR"}],
            "then": "hold",
            "lane": "money",
            "people": 2,
            "risk": "high",
        }
        assert RuleSet.objects.get().live is None

    def test_conditions_are_added_and_left_out_before_it_is_proposed(self, alice: Tenant, owner: Client) -> None:
        typed = FIELDS | {"name": "Two", "c0-kind": "reply", "kind": "words"}
        drawn = text_of(owner.post("/policies/account/0/add/", typed | {"add": "1"}))
        assert 'name="c1-words"' in drawn
        assert not RuleSetVersion.objects.exists()
        left = text_of(owner.post("/policies/account/0/add/", typed | {"c1-kind": "words", "remove": "0"}))
        assert 'value="reply"' not in left.split('id="conditions"')[1].split('name="kind"')[0]
        owner.post("/policies/account/0/add/", typed | {"c1-kind": "words", "c1-words": "alpha\n beta \n\n"})
        assert newest(alice).rules[0]["when"] == [{"kind": "reply"}, {"kind": "words", "words": ["alpha", "beta"]}]

    @pytest.mark.parametrize(
        ("typed", "field", "sentence"),
        [
            ({"c0-kind": "amount", "c0-over": "much"}, "c0-over", "Here belongs a number from 0"),
            ({"c0-kind": "amount"}, "c0-over", "Fill this in."),
            ({"c0-kind": "recipient_list", "c0-addresses": "kim@a.example\nkim"}, "c0-addresses", "Line 2: Here"),
            (
                {"c0-kind": "quiet_hours", "c0-from": "22:00", "c0-to": "06:00", "c0-zone": "Mars"},
                "c0-zone",
                "a time zone",
            ),
            ({"c0-kind": "reply", "lane": "NO"}, "lane", "Here belong 1 to 40"),
            ({"c0-kind": "reply", "then": "refuse", "people": "3"}, "people", "Only a rule that holds"),
            ({"c0-kind": "reply", "name": ""}, "name", "Here belong 1 to 100"),
            ({"c0-kind": "volume"}, "c0-perHour", "One of perHour, perDay"),
        ],
    )
    def test_what_is_wrong_stands_beside_its_field(
        self, owner: Client, typed: dict[str, str], field: str, sentence: str
    ) -> None:
        answer = owner.post("/policies/account/0/add/", FIELDS | {"name": "Rule"} | typed)
        told = text_of(answer)
        assert answer.status_code == 422
        wrong = told.split(f'id="{field}-error"')[1].split("</p>")[0]
        assert sentence in wrong
        assert f'aria-describedby="{field}' in told or "aria-describedby" in told
        assert not RuleSetVersion.objects.exists()

    def test_a_rule_that_is_changed_keeps_all_that_was_not(self, alice: Tenant, owner: Client) -> None:
        every = builders.rule("every", "hold", {"kind": "secrets", "kinds": ["iban"], "isNot": True}, isShadow=True)
        builders.rules(alice, RIVALS, every, MONEY)
        page = text_of(owner.get("/policies/account/1/rules/every/"))
        sent: dict[str, Any] = dict(re.findall(r'<input[^>]*?name="(name|place|lane|note)"[^>]*?value="([^"]*)"', page))
        sent |= {"c0-kind": "secrets", "c0-kinds": ["iban"], "c0-isNot": "1"}
        owner.post("/policies/account/1/rules/every/", FIELDS | sent | {"state": "shadow", "place": "2"})
        assert newest(alice).rules == [RIVALS, every, MONEY]
        owner.post("/policies/account/1/rules/every/", FIELDS | sent | {"state": "off", "place": "3"})
        assert [rule["id"] for rule in newest(alice).rules] == ["rivals", "money", "every"]
        owner.post("/policies/account/3/rules/money/remove/")
        assert [rule["id"] for rule in newest(alice).rules] == ["rivals", "every"]
        assert newest(alice).note == "“Money” taken out."
        assert owner.get("/policies/account/1/rules/nothing/").status_code == 404

    def test_experts_propose_json_and_are_told_the_field(self, alice: Tenant, owner: Client) -> None:
        builders.rules(alice, MONEY)
        for text in ("[", "[" * 5000, '[{"id": "a", "name": "A", "when": [], "then": "hold"}]', "{}"):
            answer = owner.post("/policies/account/1/raw/", {"rules": text})
            assert answer.status_code == 422
            assert 'id="rules-error"' in text_of(answer)
        assert "rules[0].when: Here belongs a list of 1 to 10 conditions." in plain(
            owner.post("/policies/account/1/raw/", {"rules": '[{"id": "a", "name": "A", "when": [], "then": "hold"}]'})
        )
        made = owner.post("/policies/account/1/raw/", {"rules": "[]", "note": "Away"})
        assert (made.headers["Location"], newest(alice).rules, newest(alice).note) == (
            "/policies/account/2/",
            [],
            "Away",
        )


class TestTrying:
    def test_a_version_is_tried_on_a_message_that_was_sent(self, alice: Tenant, owner: Client) -> None:
        message = builders.submit(alice, body_text="Pay EUR 4,200.00", subject="Invoice")
        builders.rules(alice, MONEY, is_live=False)
        answer = plain(owner.post("/policies/account/1/try/", {"message": str(message.pk)}))
        assert "Waits for a person (lane money, 2 people, high risk)" in answer
        assert "By the rules in force: Leaves by itself." in answer
        assert "Money holds it EUR 4,200.00" in answer
        other = builders.submit(builders.tenant("charlie"))
        assert owner.post("/policies/account/1/try/", {"message": str(other.pk)}).status_code == 422

    def test_a_version_is_tried_on_a_message_that_is_made_up(self, alice: Tenant, owner: Client) -> None:
        builders.rules(alice, RIVALS, is_live=False)
        asked = {"mailbox": str(alice.mailbox.pk), "subject": "Hi", "text": "Hello"}
        answer = owner.post("/policies/account/1/try/", asked | {"to": "kim@friends.example, eve@rival.example"})
        assert "Is refused" in plain(answer)
        assert Event.objects.filter(kind="policy.evaluated", account=alice.account).count() == 1
        for to in ("", "kim", "eve@rival.example kim@@x"):
            wrong = owner.post("/policies/account/1/try/", asked | {"to": to})
            assert (wrong.status_code, 'id="try-error"' in text_of(wrong)) == (422, True)
        foreign = asked | {"mailbox": str(builders.tenant("charlie").mailbox.pk), "to": "kim@friends.example"}
        assert owner.post("/policies/account/1/try/", foreign).status_code == 422


class TestBackTesting:
    def test_the_numbers_on_the_page_equal_those_of_sql(self, alice: Tenant, owner: Client) -> None:
        for number in range(12):
            domain = "rival.example" if number % 3 == 0 else "friends.example"
            builders.submit(alice, to=(f"kim{number}@{domain}",), subject=f"Number {number}")
        builders.rules(alice, RIVALS, is_live=False)
        asked = owner.post("/policies/account/1/back-test/", {"days": "7"})
        assert asked.headers["Location"] == "/policies/account/1/#back-test"
        waiting = owner.get("/policies/account/1/")
        assert "Under way: 0 of 12 messages looked at." in plain(waiting)
        assert 'hx-trigger="every 2s"' in text_of(waiting)
        back_test_runs.run_due(busy_for=600)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), count(*) FILTER (WHERE array_to_string(to_addresses, '') LIKE '%%@rival.example')"
                " FROM messaging_message WHERE direction = 'OUTBOUND' AND account_id = %s",
                [alice.account.pk],
            )
            looked_at, refused = cursor.fetchone()
        told = plain(owner.get("/policies/account/1/"))
        assert f"messages looked at {looked_at} " in told
        assert f"would fare otherwise {refused} " in told
        assert f"{refused} of those that left by themselves would be refused" in told
        assert "Number 9" in told
        assert "hx-trigger" not in text_of(owner.get("/policies/account/1/")).split('id="back-test"')[1][:300]
        assert RuleSet.objects.get().live is None

    def test_wrong_days_are_told_beside_the_field_and_a_second_test_waits(self, alice: Tenant, owner: Client) -> None:
        builders.rules(alice, RIVALS, is_live=False)
        builders.rules(alice, MONEY, is_live=False)
        for days in ("0", "400", "many"):
            answer = owner.post("/policies/account/1/back-test/", {"days": days})
            assert (answer.status_code, 'id="days-error"' in text_of(answer)) == (422, True)
        for _ in range(2):
            assert owner.post("/policies/account/1/back-test/", {"days": "3"}).status_code == 302
        assert BackTest.objects.count() == 1
        other = owner.post("/policies/account/2/back-test/", {"days": "3"})
        assert "Another back-test of this account is under way." in plain(other)

    def test_many_messages_are_listed_page_by_page(self, alice: Tenant, owner: Client, monkeypatch: Any) -> None:
        monkeypatch.setattr("oversight.console.rule_pages.CHANGES_SHOWN", 2)
        for number in range(5):
            builders.submit(alice, to=("eve@rival.example",), subject=f"Number {number}")
        version = builders.rules(alice, RIVALS, is_live=False)
        backtest.ask(alice.owner_actor, rule_sets.ACCOUNT, version.number, days=None, now=clock.now())
        back_test_runs.run_due(busy_for=600)
        assert (
            "Number 2"
            not in plain(owner.get("/policies/account/1/")).split("What it would have made")[1].split("Try it on")[0]
        )
        assert (
            "Number 2"
            in plain(owner.get("/policies/account/1/?from=2")).split("What it would have made")[1].split("Try it on")[0]
        )


class TestPuttingInForce:
    def test_a_stricter_version_is_in_force_at_a_click_and_not_before(self, alice: Tenant, owner: Client) -> None:
        builders.rules(alice, RIVALS, is_live=False)
        assert builders.submit(alice, to=("eve@rival.example",)).status == "queued"
        page = plain(owner.get("/policies/account/1/publish/"))
        assert "Put version 1 in force?" in page
        assert "1 rule changes" in page
        assert "It was not tested on past mail." in page
        assert "password" not in page.lower()
        done = owner.post("/policies/account/1/publish/", {"live": "0"})
        assert done.headers["Location"] == "/policies/account/"
        assert builders.submit(alice, to=("eve@rival.example",)).status == "refused"

    def test_what_may_let_more_pass_takes_a_second_step(self, alice: Tenant, owner: Client) -> None:
        builders.rules(alice, RIVALS)
        builders.rules(alice, is_live=False)
        page = plain(owner.get("/policies/account/2/publish/"))
        assert "May let more pass" in page
        for typed in ({}, {"password": "wrong"}):
            refused = owner.post("/policies/account/2/publish/", {"live": "1", **typed})
            assert (refused.status_code, 'id="password-error"' in text_of(refused)) == (422, True)
        assert RuleSet.objects.get().live == 1
        owner.post("/policies/account/2/publish/", {"live": "1", "password": builders.PASSWORD})
        assert RuleSet.objects.get().live == 2

    def test_somebody_who_was_faster_is_told_and_nothing_changes(self, alice: Tenant, owner: Client) -> None:
        for _ in range(3):
            builders.rules(alice, RIVALS, is_live=False)
        rule_sets.publish(alice.owner_actor, rule_sets.ACCOUNT, 2, live=0, now=clock.now())
        for live in ("0", "", "x"):
            late = owner.post("/policies/account/3/publish/", {"live": live})
            assert late.status_code == 409
            assert "Nothing was changed." in plain(late)
        assert RuleSet.objects.get().live == 2

    def test_an_older_version_comes_back_as_a_new_one(self, alice: Tenant, owner: Client) -> None:
        builders.rules(alice, RIVALS)
        builders.rules(alice, RIVALS, MONEY)
        assert "Go back to this version" in plain(owner.get("/policies/account/1/"))
        assert "Taken out" in plain(owner.get("/policies/account/1/roll-back/"))
        assert owner.post("/policies/account/1/roll-back/", {"live": "2"}).status_code == 422
        owner.post("/policies/account/1/roll-back/", {"live": "2", "password": builders.PASSWORD})
        found = newest(alice)
        assert (found.number, found.rules, found.copy_of, RuleSet.objects.get().live) == (3, [RIVALS], 1, 3)
        told = plain(owner.get("/policies/account/"))
        assert "Version 3 In force" in told
        assert "Version 1 again." in told


def test_the_pages_cost_few_questions_however_many_rules_and_versions(
    alice: Tenant, owner: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    builders.rules(alice, MONEY, mailbox=alice.mailbox)
    builders.rules(alice, *(RIVALS | {"id": f"r{number}"} for number in range(30)))
    builders.submit(alice, to=("eve@rival.example",))
    builders.rules(alice, is_live=False)
    backtest.ask(alice.owner_actor, rule_sets.ACCOUNT, 2, days=None, now=clock.now())
    back_test_runs.run_due(busy_for=600)
    for path in ("", "account/", "account/2/", "account/2/publish/", "account/1/rules/r3/", "account/2/add/"):
        with django_assert_max_num_queries(14 if "publish" in path else 12):
            assert owner.get(f"/policies/{path}").status_code == 200
