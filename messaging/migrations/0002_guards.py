"""What the database itself refuses: changed bytes, and a gate opened after the fact."""

from django.db import migrations

GUARDS = """
CREATE TRIGGER revision_append_only BEFORE UPDATE OR DELETE ON messaging_revision
    FOR EACH ROW EXECUTE FUNCTION gatepost_append_only();
CREATE TRIGGER revision_never_truncated BEFORE TRUNCATE ON messaging_revision
    FOR EACH STATEMENT EXECUTE FUNCTION gatepost_append_only();

-- ACCEPTED exists inside the accept transaction only, so "leaving accepted for queued" is "cleared by the policy there".
CREATE FUNCTION messaging_message_guard() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF NEW.current_version <> OLD.current_version AND OLD.status NOT IN ('accepted', 'held') THEN
        RAISE EXCEPTION 'the current revision changes only while the message is held' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER message_guard BEFORE INSERT OR UPDATE ON messaging_message
    FOR EACH ROW EXECUTE FUNCTION messaging_message_guard();
"""

UNDO = """
DROP TRIGGER message_guard ON messaging_message;
DROP FUNCTION messaging_message_guard();
DROP TRIGGER revision_append_only ON messaging_revision;
DROP TRIGGER revision_never_truncated ON messaging_revision;
"""


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial"), ("mailboxes", "0002_guards")]
    operations = [migrations.RunSQL(GUARDS, UNDO)]
