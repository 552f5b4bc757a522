"""The old attempts satisfy the constraint of 0003 too. Reads the table; writers need not wait."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("messaging", "0003_answered")]
    operations = [ValidateConstraint(model_name="attempt", name="attempt_outcome_fits_phase")]
