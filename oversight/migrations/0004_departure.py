"""The decisions on mail that goes for good: who erases them, and of what."""

from django.db import migrations

GUARDS = """
CREATE TRIGGER review_keeps_its_place BEFORE UPDATE OF message_id ON oversight_review
    FOR EACH ROW WHEN (OLD.message_id <> NEW.message_id) EXECUTE FUNCTION gatepost_keeps_its_place();
CREATE TRIGGER review_is_last_to_go BEFORE DELETE ON oversight_review
    FOR EACH ROW EXECUTE FUNCTION gatepost_is_last_to_go('oversight_decision', 'review_id');

CREATE FUNCTION oversight_erase_decisions(messages uuid[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    erased integer;
BEGIN
    IF messaging_may_erase(messages) IS NOT TRUE THEN
        RAISE EXCEPTION 'decisions on these messages stay' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM oversight_decision d USING oversight_review w
    WHERE w.id = d.review_id AND w.message_id = ANY(messages);
    GET DIAGNOSTICS erased = ROW_COUNT;
    RETURN erased;
END $$;
REVOKE ALL ON FUNCTION oversight_erase_decisions(uuid[]) FROM PUBLIC;
"""

UNDO = """
DROP FUNCTION oversight_erase_decisions(uuid[]);
DROP TRIGGER review_is_last_to_go ON oversight_review;
DROP TRIGGER review_keeps_its_place ON oversight_review;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0015_departure'),
        ('oversight', '0003_pending_of_mailbox'),
    ]

    operations = [migrations.RunSQL(GUARDS, UNDO)]
