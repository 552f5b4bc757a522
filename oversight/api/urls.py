"""`/v1`: messages, threads, and the decisions about them."""

from __future__ import annotations

from django.urls import path

from .dead_letters import DeadLetters, Drop, Requeue
from .groups import ApproveMany, Groups, OneBatch, OneGroup, RejectMany
from .messages import Cancel, Messages, OneMessage, OneThread, Threads
from .pending import Pending
from .policy import BackTests, Evaluate, OneBackTest, OneRuleSet, OneVersion, Publish, RollBack, Templates, Versions
from .returns import Resubmit
from .reviews import Approve, Edit, OneReview, Reject, RequestChanges, Undo
from .sharing import Claim, QueueSettings, Snooze
from .stops import ResumeStop, Stops
from .timeline import MessageTimeline
from .trust import RequestUpgrade, Upgrade
from .trust_report import Trust

urlpatterns = [
    path("mailboxes/<str:id>/messages", Messages.as_view()),
    path("mailboxes/<str:id>/messages/<str:msgId>", OneMessage.as_view()),
    path("mailboxes/<str:id>/messages/<str:msgId>/cancel", Cancel.as_view()),
    path("mailboxes/<str:id>/messages/<str:msgId>/resubmit", Resubmit.as_view()),
    path("mailboxes/<str:id>/messages/<str:msgId>/timeline", MessageTimeline.as_view()),
    path("mailboxes/<str:id>/threads", Threads.as_view()),
    path("mailboxes/<str:id>/threads/<str:tid>", OneThread.as_view()),
    path("mailboxes/<str:id>/request-upgrade", RequestUpgrade.as_view()),
    path("mailboxes/<str:id>/upgrade", Upgrade.as_view()),
    path("mailboxes/<str:id>/trust", Trust.as_view()),
    path("oversight/pending", Pending.as_view()),
    path("oversight/queue", QueueSettings.as_view()),
    path("oversight/groups", Groups.as_view()),
    path("oversight/groups/<str:id>", OneGroup.as_view()),
    path("oversight/groups/<str:id>/approve", ApproveMany.as_view()),
    path("oversight/bulk/reject", RejectMany.as_view()),
    path("oversight/batches/<str:id>", OneBatch.as_view()),
    path("oversight/dead-letters", DeadLetters.as_view()),
    path("oversight/dead-letters/<str:id>/requeue", Requeue.as_view()),
    path("oversight/dead-letters/<str:id>/drop", Drop.as_view()),
    path("oversight/reviews/<str:id>/claim", Claim.as_view()),
    path("oversight/reviews/<str:id>/snooze", Snooze.as_view()),
    path("oversight/reviews/<str:id>", OneReview.as_view()),
    path("oversight/reviews/<str:id>/approve", Approve.as_view()),
    path("oversight/reviews/<str:id>/edit", Edit.as_view()),
    path("oversight/reviews/<str:id>/request-changes", RequestChanges.as_view()),
    path("oversight/reviews/<str:id>/reject", Reject.as_view()),
    path("oversight/reviews/<str:id>/undo", Undo.as_view()),
    path("oversight/stops", Stops.as_view()),
    path("oversight/stops/<str:id>/resume", ResumeStop.as_view()),
    path("policy/evaluate", Evaluate.as_view()),
    path("policy/templates", Templates.as_view()),
    path("policy/rule-sets/<str:place>", OneRuleSet.as_view()),
    path("policy/rule-sets/<str:place>/versions", Versions.as_view()),
    path("policy/rule-sets/<str:place>/versions/<str:number>", OneVersion.as_view()),
    path("policy/rule-sets/<str:place>/versions/<str:number>/back-tests", BackTests.as_view()),
    path("policy/rule-sets/<str:place>/versions/<str:number>/back-tests/<str:id>", OneBackTest.as_view()),
    path("policy/rule-sets/<str:place>/versions/<str:number>/publish", Publish.as_view()),
    path("policy/rule-sets/<str:place>/versions/<str:number>/roll-back", RollBack.as_view()),
]
