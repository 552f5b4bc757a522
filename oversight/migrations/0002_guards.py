"""What the database itself refuses: an attempt on a gated message without a human's approval of exactly these bytes."""

from django.db import migrations

GUARDS = """
CREATE TRIGGER decision_append_only BEFORE UPDATE OR DELETE ON oversight_decision
    FOR EACH ROW EXECUTE FUNCTION gatepost_append_only();
CREATE TRIGGER decision_never_truncated BEFORE TRUNCATE ON oversight_decision
    FOR EACH STATEMENT EXECUTE FUNCTION gatepost_append_only();

CREATE FUNCTION oversight_attempt_guard() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER attempt_needs_decision BEFORE INSERT ON messaging_attempt
    FOR EACH ROW EXECUTE FUNCTION oversight_attempt_guard();
"""

UNDO = """
DROP TRIGGER attempt_needs_decision ON messaging_attempt;
DROP FUNCTION oversight_attempt_guard();
DROP TRIGGER decision_append_only ON oversight_decision;
DROP TRIGGER decision_never_truncated ON oversight_decision;
"""


class Migration(migrations.Migration):
    dependencies = [("oversight", "0001_initial"), ("messaging", "0002_guards")]
    operations = [migrations.RunSQL(GUARDS, UNDO)]
