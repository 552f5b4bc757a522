"""django-post-office, as its documentation sets it up, on a database of its own. Runs in .venv-bench.

`argv[1]` is the database's URL. For every line on stdin it answers with one line of JSON: `fill <count>` enqueues so
many mails; `drain <port>` is its own command `send_queued_mail`, with its defaults, into the SMTP server on that port:
how long it took (its start-up left out, as this process runs already), how much CPU, how many it says were sent.
"""

import json
import sys
import time

import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

BODY = "Good day to you, and thank you for all of this.\n" * 34


def main(url: str) -> None:
    parts = conninfo_to_dict(url)
    database = {"NAME": parts["dbname"], "USER": parts["user"], "HOST": parts["host"], "PORT": parts.get("port", "")}
    settings.configure(
        SECRET_KEY="only for the measurement",
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", **database}},
        EMAIL_BACKEND="post_office.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        LOGGING_CONFIG=None,
    )
    django.setup()

    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        act, number = line.split()
        answer = fill(int(number)) if act == "fill" else drain(int(number))
        print(json.dumps(answer), flush=True)


def fill(count):
    from post_office import mail

    for _ in range(0, count, 100):
        mail.send_many(
            [
                {
                    "sender": "a@agents.example",
                    "recipients": ["kim@friends.example"],
                    "subject": "Hello",
                    "message": BODY,
                }
                for _ in range(100)
            ]
        )
    return {"count": count}


def drain(port):
    import tempfile

    from django.core.management import call_command
    from post_office.models import STATUS, Email

    settings.EMAIL_PORT = port
    before = Email.objects.filter(status=STATUS.sent).count()
    with tempfile.TemporaryDirectory() as folder:
        begun, cpu = time.monotonic(), time.process_time()
        call_command("send_queued_mail", lockfile=f"{folder}/post_office")
        took = {"seconds": time.monotonic() - begun, "cpu": time.process_time() - cpu}
    return took | {"count": Email.objects.filter(status=STATUS.sent).count() - before}


if __name__ == "__main__":
    main(sys.argv[1])
