"""An edit and a resubmission: which fields a revision showed, and when the current revision may change."""

from django.db import migrations, models

GUARD = """
CREATE OR REPLACE FUNCTION messaging_message_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT NEW.needs_decision THEN
            RAISE EXCEPTION 'a message begins in need of a decision' USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.status NOT IN ('accepted', 'arrived') THEN
            RAISE EXCEPTION 'a message begins as accepted or arrived' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.needs_decision IS DISTINCT FROM OLD.needs_decision
        AND (NEW.needs_decision OR OLD.status <> 'accepted' OR NEW.status <> 'queued') THEN
        RAISE EXCEPTION 'needs_decision is settled by the policy inside the accept transaction'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status = 'accepted' AND OLD.status NOT IN ('accepted', 'scheduled') THEN
        RAISE EXCEPTION 'a message is not accepted twice' USING ERRCODE = 'check_violation';
    END IF;
    %s
    RETURN NEW;
END $$;
"""

# Held: a person edits it. Returned to held: its author has answered what it was returned for.
NOW = """IF NEW.current_version <> OLD.current_version AND (
        NEW.current_version < OLD.current_version
        OR NOT (OLD.status = 'accepted' OR OLD.status IN ('held', 'returned') AND NEW.status = 'held')) THEN
        RAISE EXCEPTION 'the current revision changes only while the message is held, and never back'
            USING ERRCODE = 'check_violation';
    END IF;"""
BEFORE = """IF NEW.current_version <> OLD.current_version AND OLD.status NOT IN ('accepted', 'held') THEN
        RAISE EXCEPTION 'the current revision changes only while the message is held' USING ERRCODE = 'check_violation';
    END IF;"""


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0024_inbound'),
    ]

    operations = [
        migrations.AddField(
            model_name='revision',
            name='shown',
            field=models.CharField(blank=True, db_default='', default='', help_text='SHA-256 of the fields that people are shown of it; empty where the release before made it.', max_length=64),
        ),
        migrations.RunSQL(GUARD % NOW, GUARD % BEFORE),
    ]
