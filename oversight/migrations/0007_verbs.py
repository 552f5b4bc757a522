"""Edits, approvals of several people, and an attempt only when enough of them approved exactly what would leave."""

import django.db.models.deletion
import mailboxes.ids
from django.db import migrations, models

# What was approved by the release before is due already: nothing looks at it once more.
RELEASED = """
UPDATE oversight_review SET released_at = coalesce(release_at, decided_at)
WHERE state = 'approved' AND released_at IS NULL
"""

# Counted anew at each attempt, from rows that nobody can change: a review that says "approved" is not enough.
GUARD = """
CREATE OR REPLACE FUNCTION oversight_attempt_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sealed record;
    newest record;
    people integer;
BEGIN
    SELECT m.id, m.needs_decision, m.current_version, v.seal INTO sealed
    FROM messaging_recipient r
    JOIN messaging_message m ON m.id = r.message_id
    JOIN messaging_revision v ON v.message_id = m.id AND v.version = m.current_version
    WHERE r.id = NEW.recipient_id;
    IF NOT FOUND OR NEW.version <> sealed.current_version THEN
        RAISE EXCEPTION 'an attempt sends the current revision' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT sealed.needs_decision THEN
        RETURN NEW;
    END IF;
    SELECT w.id, w.state, w.people_needed, w.votes_from INTO newest
    FROM oversight_review w WHERE w.message_id = sealed.id ORDER BY w.opened_at DESC, w.id DESC LIMIT 1;
    IF NOT FOUND OR newest.state <> 'approved' THEN
        RAISE EXCEPTION 'no human has approved these bytes' USING ERRCODE = 'check_violation';
    END IF;
    SELECT count(DISTINCT d.member_id) INTO people FROM oversight_decision d
    WHERE d.review_id = newest.id AND d.kind = 'approve' AND d.seal = sealed.seal AND d.version >= newest.votes_from
        AND d.version > coalesce((
            SELECT max(o.version) FROM oversight_decision o WHERE o.review_id = newest.id AND o.kind <> 'approve'), 0);
    IF people < newest.people_needed THEN
        RAISE EXCEPTION 'no human has approved these bytes, or not enough of them' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER edit_never_changes BEFORE UPDATE ON oversight_edit
    FOR EACH ROW EXECUTE FUNCTION gatepost_append_only();
"""
BEFORE = """
DROP TRIGGER edit_never_changes ON oversight_edit;

CREATE OR REPLACE FUNCTION oversight_attempt_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    gated boolean;
    current_seal text;
    current_version integer;
    newest record;
BEGIN
    SELECT m.needs_decision, m.current_version, v.seal INTO gated, current_version, current_seal
    FROM messaging_recipient r
    JOIN messaging_message m ON m.id = r.message_id
    JOIN messaging_revision v ON v.message_id = m.id AND v.version = m.current_version
    WHERE r.id = NEW.recipient_id;
    IF NOT FOUND OR NEW.version <> current_version THEN
        RAISE EXCEPTION 'an attempt sends the current revision' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT gated THEN
        RETURN NEW;
    END IF;
    SELECT d.kind, d.seal INTO newest
    FROM oversight_decision d
    JOIN oversight_review w ON w.id = d.review_id
    JOIN messaging_recipient r ON r.message_id = w.message_id
    WHERE r.id = NEW.recipient_id
    ORDER BY w.opened_at DESC, d.version DESC
    LIMIT 1;
    IF NOT FOUND OR newest.kind <> 'approve' OR newest.seal <> current_seal THEN
        RAISE EXCEPTION 'no human has approved these bytes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0011_domains'),
        ('messaging', '0022_verbs'),
        ('oversight', '0009_inbound'),
    ]

    operations = [
        migrations.CreateModel(
            name='Edit',
            fields=[
                ('id', models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('version', models.IntegerField(help_text="The message's revision that it made.")),
                ('field', models.CharField(max_length=20)),
                ('old', models.JSONField(null=True)),
                ('new', models.JSONField(null=True)),
                ('made_by', models.CharField(help_text='Principal: agent:<id> or member:<id>.', max_length=80)),
                ('made_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='review',
            name='reopened_count',
            field=models.IntegerField(db_default=0, default=0, help_text='How often its release found it stale: each raised the version.'),
        ),
        migrations.AddField(
            model_name='review',
            name='votes_from',
            field=models.IntegerField(db_default=1, default=1, help_text='Approvals of an earlier version of the review count no more.'),
        ),
        migrations.AddIndex(
            model_name='review',
            index=models.Index(models.F('expires_at'), condition=models.Q(('state', 'returned')), name='review_returned'),
        ),
        migrations.AddIndex(
            model_name='review',
            index=models.Index(models.F('release_at'), condition=models.Q(('released_at__isnull', True), ('state', 'approved')), name='review_releasing'),
        ),
        migrations.AddField(
            model_name='edit',
            name='decision',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='edits', to='oversight.decision'),
        ),
        migrations.AddField(
            model_name='edit',
            name='review',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='edits', to='oversight.review'),
        ),
        migrations.AddConstraint(
            model_name='edit',
            constraint=models.UniqueConstraint(models.F('review'), models.F('version'), models.F('field'), name='edit_once_per_field'),
        ),
        migrations.RunSQL(RELEASED, migrations.RunSQL.noop),
        migrations.RunSQL(GUARD, BEFORE),
    ]
