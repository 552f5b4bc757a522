"""What the database itself refuses: nobody but the owner changes the event log."""

from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION gatepost_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;

CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON mailboxes_event
    FOR EACH ROW EXECUTE FUNCTION gatepost_append_only();
CREATE TRIGGER event_never_truncated BEFORE TRUNCATE ON mailboxes_event
    FOR EACH STATEMENT EXECUTE FUNCTION gatepost_append_only();
"""

UNDO = """
DROP TRIGGER event_append_only ON mailboxes_event;
DROP TRIGGER event_never_truncated ON mailboxes_event;
DROP FUNCTION gatepost_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("mailboxes", "0001_initial")]
    operations = [migrations.RunSQL(APPEND_ONLY, UNDO)]
