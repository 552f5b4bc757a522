"""The sealed bytes of mail that goes for good: who erases them, and of what."""

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

GUARDS = """
CREATE TRIGGER message_keeps_its_place BEFORE UPDATE OF account_id, mailbox_id ON messaging_message
    FOR EACH ROW WHEN (OLD.account_id <> NEW.account_id OR OLD.mailbox_id <> NEW.mailbox_id)
    EXECUTE FUNCTION gatepost_keeps_its_place();
CREATE TRIGGER message_is_last_to_go BEFORE DELETE ON messaging_message
    FOR EACH ROW EXECUTE FUNCTION gatepost_is_last_to_go('messaging_revision', 'message_id');
CREATE TRIGGER mailbox_is_last_to_go BEFORE DELETE ON mailboxes_mailbox
    FOR EACH ROW EXECUTE FUNCTION gatepost_is_last_to_go('messaging_message', 'mailbox_id');

-- The house's own mail goes with those it was written to: people none of whose accounts is left.
CREATE FUNCTION messaging_is_to_departed(message uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM messaging_message m JOIN mailboxes_account a ON a.id = m.account_id
        WHERE m.id = message AND a.is_platform
    ) AND EXISTS (
        SELECT FROM messaging_recipient r WHERE r.message_id = message
    ) AND NOT EXISTS (
        SELECT FROM messaging_recipient r WHERE r.message_id = message AND NOT EXISTS (
            SELECT FROM mailboxes_user u
            WHERE lower(u.email) = lower(r.address)
                AND EXISTS (SELECT FROM mailboxes_member p WHERE p.user_id = u.id)
                AND NOT EXISTS (
                    SELECT FROM mailboxes_member p
                    WHERE p.user_id = u.id AND mailboxes_may_erase(p.account_id, NULL) IS NOT TRUE)
        )
    )
$$;

CREATE FUNCTION messaging_may_erase(messages uuid[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (
        SELECT FROM messaging_message m
        WHERE m.id = ANY(messages) AND NOT mailboxes_may_erase(m.account_id, m.mailbox_id)
            AND NOT messaging_is_to_departed(m.id)
    )
$$;

CREATE FUNCTION messaging_erase_revisions(messages uuid[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    erased integer;
BEGIN
    IF messaging_may_erase(messages) IS NOT TRUE THEN
        RAISE EXCEPTION 'these messages stay' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM messaging_revision v WHERE v.message_id = ANY(messages);
    GET DIAGNOSTICS erased = ROW_COUNT;
    RETURN erased;
END $$;
REVOKE ALL ON FUNCTION messaging_erase_revisions(uuid[]) FROM PUBLIC;
"""

UNDO = """
DROP FUNCTION messaging_erase_revisions(uuid[]);
DROP FUNCTION messaging_may_erase(uuid[]);
DROP FUNCTION messaging_is_to_departed(uuid);
DROP TRIGGER mailbox_is_last_to_go ON mailboxes_mailbox;
DROP TRIGGER message_is_last_to_go ON messaging_message;
DROP TRIGGER message_keeps_its_place ON messaging_message;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0008_departure'),
        ('messaging', '0013_hooks'),
        ('messaging', '0014_overlimit'),
    ]

    operations = [
        migrations.AlterField(
            model_name='revision',
            name='message',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='revisions', to='messaging.message'),
        ),
        migrations.AddIndex(
            model_name='rawmessage',
            index=models.Index(django.db.models.functions.text.Left(django.db.models.functions.text.Lower('envelope_recipient'), 27), condition=models.Q(('mailbox__isnull', True)), name='raw_message_of_nobody'),
        ),
        migrations.RunSQL(GUARDS, UNDO),
    ]
