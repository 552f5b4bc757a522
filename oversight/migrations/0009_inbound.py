"""What the database itself refuses: to show received mail that was held, unless a human approved exactly its bytes.

And copies of what monitored mailboxes send.
"""

import django.db.models.deletion
from django.db import migrations, models

import mailboxes.ids

# Whatever was held, and whatever arrived at a mailbox that holds what arrives: also by a worker that does not know of it
# (the release before this one, while both run).
GUARD = """
CREATE FUNCTION oversight_admission_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    came text;
    newest record;
BEGIN
    SELECT encode(sha256(raw), 'hex') INTO came FROM messaging_rawmessage WHERE message_id = NEW.id;
    SELECT w.state, d.kind, d.seal INTO newest
    FROM oversight_review w JOIN oversight_decision d ON d.review_id = w.id
    WHERE w.message_id = NEW.id
    ORDER BY w.opened_at DESC, d.version DESC
    LIMIT 1;
    IF (newest.state = 'approved' AND newest.kind = 'approve' AND newest.seal = came) IS NOT TRUE THEN
        RAISE EXCEPTION 'no human has approved that this mail is shown' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER message_shown_needs_decision BEFORE UPDATE OF status ON messaging_message
    FOR EACH ROW WHEN (NEW.status = 'released' AND OLD.status <> 'released'
        AND (OLD.status <> 'arrived' OR OLD.oversight_mode = 'gated_all'))
    EXECUTE FUNCTION oversight_admission_guard();
"""

# A copy that was sent to people who watch holds the words of the message, so it goes with it.
ERASING = """
CREATE FUNCTION oversight_is_copy_of_departed(message uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM oversight_copy c JOIN messaging_message m ON m.id = c.message_id
        WHERE c.copy_id = message AND mailboxes_may_erase(m.account_id, m.mailbox_id)
    )
$$;

CREATE OR REPLACE FUNCTION messaging_may_erase(messages uuid[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (
        SELECT FROM messaging_message m
        WHERE m.id = ANY(messages) AND NOT mailboxes_may_erase(m.account_id, m.mailbox_id)
            AND NOT messaging_is_to_departed(m.id) AND NOT oversight_is_copy_of_departed(m.id)
    )
$$;
"""

NOT_ERASING = """
CREATE OR REPLACE FUNCTION messaging_may_erase(messages uuid[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (
        SELECT FROM messaging_message m
        WHERE m.id = ANY(messages) AND NOT mailboxes_may_erase(m.account_id, m.mailbox_id)
            AND NOT messaging_is_to_departed(m.id)
    )
$$;
DROP FUNCTION oversight_is_copy_of_departed(uuid);
"""

UNDO = """
DROP TRIGGER message_shown_needs_decision ON messaging_message;
DROP FUNCTION oversight_admission_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("oversight", "0008_policy"), ("messaging", "0021_inbound"), ("mailboxes", "0012_inbound")]
    operations = [
        migrations.RunSQL(GUARD, UNDO),
        migrations.CreateModel(
            name="Copy",
            fields=[
                ("id", models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("failures_count", models.IntegerField(default=0)),
                ("outcome", models.CharField(blank=True, max_length=12)),
                ("created_at", models.DateTimeField()),
                (
                    "copy",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="messaging.message",
                    ),
                ),
                (
                    "message",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="copy_for_people",
                        to="messaging.message",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "copies",
                "indexes": [
                    models.Index(
                        models.F("due_at"), condition=models.Q(("due_at__isnull", False)), name="copy_due"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("due_at__isnull", False), ("outcome", "")),
                            models.Q(("due_at__isnull", True), models.Q(("outcome", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="copy_done_says_how",
                    )
                ],
            },
        ),
        migrations.RunSQL(ERASING, NOT_ERASING),
    ]
