"""The policy: what it would make of a send, and the rules, in versions, that members give it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api import idempotency, pagination
from mailboxes.api.base import ApiView, respond
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import IDEMPOTENCY_KEY, LIMIT, operation
from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from oversight import backtest, dry_run, rule_sets
from oversight.models import RuleSet, RuleSetVersion
from oversight.policy.templates import TEMPLATES

from . import back_test_serializers, drafting, policy_serializers
from .back_test_serializers import BackTestAnswerSerializer
from .policy_forms import BackTestRequest, EvaluateRequest, LiveRequest, NewVersionRequest
from .policy_serializers import (
    EvaluationAnswerSerializer,
    RuleSetAnswerSerializer,
    TemplateListSerializer,
    VersionAnswerSerializer,
    VersionListSerializer,
)

PLACE = OpenApiParameter(
    "place",
    str,
    OpenApiParameter.PATH,
    description="`account` for the account's own rules, or a mailbox's id for those beside them.",
)
NUMBER = OpenApiParameter("number", str, OpenApiParameter.PATH, description="Number of the version.")
BEFORE = OpenApiParameter("before", {"type": "integer", "minimum": 1}, description="Versions older than this one.")
ID = OpenApiParameter("id", str, OpenApiParameter.PATH, description="Id of the back-test.")
MOST_BEFORE = 10**9


class Evaluate(ApiView):
    looks_at_key_again = True  # `oversight.sender`, in the transaction that judges

    @operation(
        "evaluatePolicy",
        tag="Oversight",
        request=EvaluateRequest,
        answers={200: EvaluationAnswerSerializer},
        errors=(400, 403, 404, 409, 422, 429),
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """What would become of this send now, by the same judgment that sends get. Nothing is sent, counted or kept.

        The body is that of a send with `mailboxId`. What a send would be answered with 400, 403 or 429 before any
        policy looks at it is answered so here. An agent learns what a send would tell it, and in `also` what else would
        have stopped it; a member's decide key gets facts and trace. The log notes that it was asked.
        """
        asked = self.content
        mailbox_id = parse_id(asked.pop("mailboxId", None))
        if mailbox_id is None or not self.principal.may_see(mailbox_id):
            self.asked(EvaluateRequest)  # what is wrong with the body is told first
            raise NotFound("mailbox")
        drafted = drafting.read(asked, mailbox_id=mailbox_id, actor=self.principal, now=self.now)
        draft = drafting.with_files_here(drafted, actor=self.principal)

        def act() -> Answer:
            judged = dry_run.evaluate(draft, actor=self.principal, now=self.now)
            self.inbound_usage = judged.sender.inbound_usage(now=self.now)
            is_member = self.principal.member is not None
            return Answer(200, {"evaluation": policy_serializers.evaluation(judged, is_member=is_member)})

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))


class Templates(ApiView):
    @operation("listRuleTemplates", tag="Oversight", answers={200: TemplateListSerializer})
    def get(self, request: Request) -> Response:
        """Rules ready for copying, each with what it is good for. Their numbers and lists are examples."""
        told = [{"id": one.id, "description": one.description, "rule": one.rule} for one in TEMPLATES]
        return Response({"templates": told})


class RuleSetView(ApiView):
    """Rules of one place. Members only."""

    def versions(self, rule_set: RuleSet) -> Any:
        return RuleSetVersion.objects.filter(rule_set=rule_set).select_related("made_by__user", "rule_set")

    def told(self, version: RuleSetVersion, place: str) -> dict[str, Any]:
        live = rule_sets.get(self.principal, place).live
        return {"version": policy_serializers.version(version, live=live)}

    def once(self, request: Request, act: Any) -> Response:
        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))


class OneRuleSet(RuleSetView):
    @operation(
        "getRuleSet", tag="Oversight", answers={200: RuleSetAnswerSerializer}, errors=(403, 404), parameters=[PLACE]
    )
    def get(self, request: Request, place: str) -> Response:
        """The rules in force. Needs a member's decide key: agents never see thresholds and lists."""
        rule_set = rule_sets.get(self.principal, place)
        is_live = rule_set.live is not None
        live = rule_sets.get_version(rule_set, rule_set.live) if is_live else None
        return Response({"ruleSet": policy_serializers.rule_set(rule_set, live)})


class Versions(RuleSetView):
    @operation(
        "listRuleSetVersions",
        tag="Oversight",
        answers={200: VersionListSerializer},
        errors=(400, 403, 404),
        parameters=[PLACE, LIMIT, BEFORE],
    )
    def get(self, request: Request, place: str) -> Response:
        """The versions of a rule set, newest first: proposals, the one in force, and those that were."""
        rule_set = rule_sets.get(self.principal, place)
        limit = pagination.limit(request)
        before = pagination.number(request.query_params, "before", default=MOST_BEFORE, least=1, most=MOST_BEFORE)
        older = self.versions(rule_set).filter(number__lt=before) if rule_set.latest else RuleSetVersion.objects.none()
        found = list(older.order_by("-number")[: limit + 1])
        told = [policy_serializers.version(one, live=rule_set.live) for one in found[:limit]]
        return Response({"versions": told, "before": told[-1]["number"] if len(found) > limit else None})

    @operation(
        "proposeRules",
        tag="Oversight",
        request=NewVersionRequest,
        answers={201: VersionAnswerSerializer},
        errors=(400, 403, 404),
        parameters=[PLACE, IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, place: str) -> Response:
        """A new version, which judges nothing until it is published. Needs an owner's or admin's decide key.

        A rule applies when all its conditions do, and asks for `allow`, `hold` or `refuse`; of all that apply the
        strictest wins. `allow` lifts the hold of a gated_send mailbox and nothing else. 400 `invalid_rules` says by
        `rule` and `field` what can't be used. `warnings` tell what can be, and may not be what was meant.
        """
        rule_sets.require_manager(self.principal)
        rule_sets.get(self.principal, place)
        asked = self.asked(NewVersionRequest)

        def act() -> Answer:
            proposed = rule_sets.Proposed(asked["rules"], asked.get("note") or "")
            version = rule_sets.propose(self.principal, place, proposed, now=self.now)
            return Answer(201, self.told(version, place))

        return self.once(request, act)


class OneVersion(RuleSetView):
    @operation(
        "getRuleSetVersion",
        tag="Oversight",
        answers={200: VersionAnswerSerializer},
        errors=(403, 404),
        parameters=[PLACE, NUMBER],
    )
    def get(self, request: Request, place: str, number: str) -> Response:
        """One version of a rule set."""
        version = rule_sets.get_version(rule_sets.get(self.principal, place), number)
        return Response(self.told(version, place))


class BackTests(RuleSetView):
    @operation(
        "backTestRules",
        tag="Oversight",
        request=BackTestRequest,
        answers={202: BackTestAnswerSerializer},
        errors=(400, 403, 404, 409),
        parameters=[PLACE, NUMBER, IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, place: str, number: str) -> Response:
        """Try this version on the mail of the last days, 10,000 messages at most, by the judgment that sends get.

        Over the facts as they were then; no mail is changed by it. It is made in the background: read it by its id
        until `state` is `finished`. One at a time: 409 `back_test_running` while another is under way; the same one
        asked for again is answered as it stands.
        """
        rule_sets.require_manager(self.principal)
        asked = self.asked(BackTestRequest)

        def act() -> Answer:
            test = backtest.ask(self.principal, place, number, days=asked.get("days"), now=self.now)
            return Answer(202, {"backTest": back_test_serializers.back_test(test)})

        return self.once(request, act)


class OneBackTest(RuleSetView):
    @operation(
        "getBackTest",
        tag="Oversight",
        answers={200: BackTestAnswerSerializer},
        errors=(403, 404),
        parameters=[PLACE, NUMBER, ID],
    )
    def get(self, request: Request, place: str, number: str, id: str) -> Response:
        """How far a back-test is, and what it has found so far. Needs a member's decide key."""
        found = backtest.get(self.principal, place, number, id)
        return Response({"backTest": back_test_serializers.back_test(found)})


class Publish(RuleSetView):
    @operation(
        "publishRules",
        tag="Oversight",
        request=LiveRequest,
        answers={200: VersionAnswerSerializer},
        errors=(400, 403, 404, 409),
        parameters=[PLACE, NUMBER, IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, place: str, number: str) -> Response:
        """Put this version in force for every send from now on; what waits goes on waiting."""
        rule_sets.require_manager(self.principal)
        asked = self.asked(LiveRequest)

        def act() -> Answer:
            version = rule_sets.publish(self.principal, place, number, live=asked.get("live"), now=self.now)
            return Answer(200, self.told(version, place))

        return self.once(request, act)


class RollBack(RuleSetView):
    @operation(
        "rollBackRules",
        tag="Oversight",
        request=LiveRequest,
        answers={201: VersionAnswerSerializer},
        errors=(400, 403, 404, 409),
        parameters=[PLACE, NUMBER, IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, place: str, number: str) -> Response:
        """Make the rules of this older version a new version, in force at once; `copyOf` says whose they are."""
        rule_sets.require_manager(self.principal)
        asked = self.asked(LiveRequest)

        def act() -> Answer:
            version = rule_sets.roll_back(self.principal, place, number, live=asked.get("live"), now=self.now)
            return Answer(201, self.told(version, place))

        return self.once(request, act)
