"""Due recipients stand in the lines of their accounts, so that a claim can go from line to line."""

from django.db import migrations, models
from django.db.models import Q

# The release before writes rows without the line while both run; it never reads it.
JOINS_LINE = """
CREATE FUNCTION messaging_recipient_joins_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT account_id INTO NEW.line FROM messaging_message WHERE id = NEW.message_id;
    RETURN NEW;
END $$;
CREATE TRIGGER recipient_joins_line BEFORE INSERT OR UPDATE OF next_at ON messaging_recipient
    FOR EACH ROW WHEN (NEW.next_at IS NOT NULL AND NEW.line IS NULL)
    EXECUTE FUNCTION messaging_recipient_joins_line();
"""
STRAIGHT = """
DROP TRIGGER recipient_joins_line ON messaging_recipient;
DROP FUNCTION messaging_recipient_joins_line();
"""
# The trigger does the work.
WHAT_WAITS = "UPDATE messaging_recipient SET next_at = next_at WHERE next_at IS NOT NULL"


class Migration(migrations.Migration):
    dependencies = [("messaging", "0024_held_again")]
    operations = [
        migrations.AddField(
            "recipient",
            "line",
            models.UUIDField(editable=False, help_text="The account in whose line it waits.", null=True),
        ),
        migrations.RunSQL(JOINS_LINE, STRAIGHT),
        migrations.RunSQL(WHAT_WAITS, migrations.RunSQL.noop),
        migrations.AddIndex(
            "recipient",
            models.Index("line", "next_at", condition=Q(next_at__isnull=False), name="recipient_line"),
        ),
        migrations.AddConstraint(
            "recipient",
            models.CheckConstraint(
                condition=Q(next_at__isnull=True) | Q(line__isnull=False), name="recipient_due_stands_in_line"
            ),
        ),
    ]
