"""Stored contents of files: one object for each content, known before it is written and after its row is gone."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import mailboxes.ids

GUARDS = """
-- KEY SHARE waits for whoever is about to delete the content, and lets the next one wait for us.
CREATE FUNCTION messaging_attachment_has_content() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM messaging_storedfile
    WHERE account_id = NEW.account_id AND sha256 = NEW.sha256 FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the content of attachment % is not stored', NEW.id USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER attachment_has_content BEFORE INSERT OR UPDATE OF account_id, sha256, part_index
    ON messaging_attachment FOR EACH ROW WHEN (NEW.part_index IS NULL)
    EXECUTE FUNCTION messaging_attachment_has_content();

CREATE FUNCTION messaging_stored_file_leaves_remnant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO messaging_remnant (name, is_given_up, due_at) VALUES (OLD.name, true, clock_timestamp());
    RETURN NULL;
END $$;

CREATE TRIGGER stored_file_leaves_remnant AFTER DELETE ON messaging_storedfile
    FOR EACH ROW EXECUTE FUNCTION messaging_stored_file_leaves_remnant();

-- At the end of the transaction: whoever deletes an account may take its rows in any order.
CREATE FUNCTION messaging_stored_file_is_unused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM messaging_attachment
               WHERE account_id = OLD.account_id AND sha256 = OLD.sha256 AND part_index IS NULL)
        AND NOT EXISTS (SELECT FROM messaging_storedfile
                        WHERE account_id = OLD.account_id AND sha256 = OLD.sha256) THEN
        RAISE EXCEPTION 'attachments still have the content %', OLD.sha256 USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER stored_file_is_unused AFTER DELETE ON messaging_storedfile
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION messaging_stored_file_is_unused();
"""

UNDO_GUARDS = """
DROP TRIGGER stored_file_is_unused ON messaging_storedfile;
DROP TRIGGER stored_file_leaves_remnant ON messaging_storedfile;
DROP TRIGGER attachment_has_content ON messaging_attachment;
DROP FUNCTION messaging_stored_file_is_unused();
DROP FUNCTION messaging_stored_file_leaves_remnant();
DROP FUNCTION messaging_attachment_has_content();
"""

# What was received before files were counted.
COUNT_RECEIVED = """
INSERT INTO mailboxes_usage (id, account_id, subject_id, kind, period_start, used)
SELECT gen_random_uuid(), file.account_id, file.account_id, 'storage_bytes', timestamptz 'epoch', sum(file.size_bytes)
FROM messaging_attachment file JOIN messaging_message mail ON mail.id = file.message_id
WHERE mail.released_at IS NOT NULL AND file.part_index IS NOT NULL
GROUP BY file.account_id
ON CONFLICT (subject_id, kind, period_start) DO UPDATE SET used = EXCLUDED.used
"""


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0005_counts'),
        ('messaging', '0010_attempt_session'),
    ]

    operations = [
        migrations.CreateModel(
            name='Remnant',
            fields=[
                ('name', models.CharField(max_length=255, primary_key=True, serialize=False)),
                ('is_given_up', models.BooleanField(default=False)),
                ('due_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(models.F('due_at'), name='remnant_due')],
            },
        ),
        migrations.CreateModel(
            name='StoredFile',
            fields=[
                ('id', models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('sha256', models.CharField(max_length=64)),
                ('size_bytes', models.BigIntegerField()),
                ('name', models.CharField(max_length=255)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='mailboxes.account')),
            ],
            options={
                'constraints': [models.UniqueConstraint(models.F('account'), models.F('sha256'), name='stored_file_once_per_content')],
            },
        ),
        migrations.AddIndex(
            model_name='attachment',
            index=models.Index(models.F('account'), models.F('sha256'), condition=models.Q(('part_index__isnull', True)), name='attachment_by_content'),
        ),
        migrations.AddIndex(
            model_name='attachment',
            index=models.Index(models.F('created_at'), condition=models.Q(('message__isnull', True)), name='attachment_unsent'),
        ),
        migrations.RunSQL(GUARDS, UNDO_GUARDS),
        migrations.RunSQL(COUNT_RECEIVED, migrations.RunSQL.noop),
    ]
