"""What many people run: a Celery task per mail, `send_mail` by Django's SMTP backend, nothing kept in a database."""

from __future__ import annotations

import os

import django
from celery import Celery
from django.conf import settings
from django.core.mail import send_mail

settings.configure(
    SECRET_KEY="only-for-measurements",
    EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
    EMAIL_HOST="127.0.0.1",
    EMAIL_PORT=int(os.environ["SINK_PORT"]),
    USE_TZ=True,
)
django.setup()

app = Celery("celery_send", broker=os.environ["REFERENCE_BROKER"])
app.conf.task_ignore_result = True


@app.task(name="celery_send.send")
def send(subject: str, text: str, recipient: str) -> None:
    send_mail(subject, text, "agent@agents.example", [recipient])
