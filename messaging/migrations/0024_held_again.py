"""What was queued by the policy alone and comes before people again needs their decision from then on."""

from importlib import import_module

from django.db import migrations

VERBS = import_module("messaging.migrations.0022_verbs")
ONLY_ONCE = "AND (NEW.needs_decision OR OLD.status <> 'accepted' OR NEW.status <> 'queued')"
RAISED_TOO = """AND NOT (OLD.status = 'accepted' AND NEW.status = 'queued' AND NOT NEW.needs_decision)
        AND NOT (OLD.status = 'queued' AND NEW.status = 'held' AND NEW.needs_decision)"""
BEFORE = VERBS.GUARD % VERBS.NOW


class Migration(migrations.Migration):
    dependencies = [("messaging", "0023_queue")]
    operations = [migrations.RunSQL(BEFORE.replace(ONLY_ONCE, RAISED_TOO), BEFORE)]
