"""What the database itself refuses: to show received mail that was held, unless a human approved exactly its bytes."""

from django.db import migrations

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

UNDO = """
DROP TRIGGER message_shown_needs_decision ON messaging_message;
DROP FUNCTION oversight_admission_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("oversight", "0007_notices"), ("messaging", "0024_inbound")]
    operations = [migrations.RunSQL(GUARD, UNDO)]
