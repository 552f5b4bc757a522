"""Attempts whose answer is noted before their recipient shows it.

Checked for new rows only, so that the lock on a large table is a short one; 0004 looks at the old rows.
"""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("messaging", "0002_guards")]
    operations = [
        migrations.RemoveConstraint(model_name="attempt", name="attempt_finished_has_outcome"),
        migrations.AlterField(
            model_name="attempt",
            name="phase",
            field=models.CharField(
                choices=[("started", "Started"), ("data", "Data"), ("answered", "Answered"), ("finished", "Finished")],
                default="started",
                max_length=8,
            ),
        ),
        AddConstraintNotValid(
            model_name="attempt",
            constraint=models.CheckConstraint(
                condition=Q(phase="finished", finished_at__isnull=False) & ~Q(outcome="")
                | Q(phase="answered", finished_at__isnull=True) & ~Q(outcome="")
                | Q(phase__in=["started", "data"], finished_at__isnull=True, outcome=""),
                name="attempt_outcome_fits_phase",
            ),
        ),
    ]
