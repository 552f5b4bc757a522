"""The console's addresses. Names without a namespace are those that pages outside the console link to."""

from __future__ import annotations

from django.urls import include, path

from .views import (
    arrival,
    body,
    decide,
    decide_keys,
    live,
    monitor,
    notices,
    queue,
    review,
    sign_in,
    stop,
    threads,
    verify,
)

console = (
    [
        path("review/", queue.queue, name="queue"),
        path("review/<uuid:review_id>/", review.review, name="review"),
        path("review/<uuid:review_id>/body/", body.body, name="body"),
        path("review/<uuid:review_id>/link/<int:number>/", body.link, name="link"),
        path("review/<uuid:review_id>/approve/", decide.approve, name="approve"),
        path("review/<uuid:review_id>/reject/", decide.reject, name="reject"),
        path("review/<uuid:review_id>/undo/", decide.undo, name="undo"),
        path("monitor/", monitor.monitor, name="monitor"),
        path("mailboxes/", threads.threads, name="threads"),
        path("mailboxes/<uuid:mailbox_id>/", threads.mailbox, name="mailbox"),
        path("threads/<uuid:thread_id>/", threads.thread, name="thread"),
        path("messages/<uuid:message_id>/", threads.message, name="message"),
        path("messages/<uuid:message_id>/body/", threads.message_body, name="message_body"),
        path("messages/<uuid:message_id>/link/<int:number>/", threads.message_link, name="message_link"),
        path("messages/<uuid:message_id>/files/<int:index>/", threads.message_file, name="message_file"),
        path("stop/", stop.stop, name="stop"),
        path("stop/resume/", stop.resume, name="resume"),
        path("keys/", decide_keys.decide_keys, name="keys"),
        path("keys/<uuid:key_id>/revoke/", decide_keys.revoke, name="revoke_key"),
        path("settings/notices/", notices.settings, name="notices"),
        path("n/<str:token>/", notices.notice_link, name="notice_link"),
        path("live/since/", live.since, name="live"),
        path("account/", sign_in.choose_account, name="account"),
    ],
    "console",
)

urlpatterns = [
    path("", sign_in.home, name="home"),
    path("login/", sign_in.sign_in, name="login"),
    path("logout/", sign_in.sign_out, name="logout"),
    path("dashboard", arrival.dashboard, name="dashboard"),
    path("onboarding", arrival.onboarding, name="onboarding"),
    path("verify/again/", verify.verify_again, name="verify_again"),
    path("verify/<str:token>/", verify.verify, name="verify"),
    path("", include(console)),
]
