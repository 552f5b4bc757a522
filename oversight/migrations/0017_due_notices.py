"""Words of the house that are due: they are mailed by a sweep, not inside the transaction of what they tell of."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mailboxes", "0018_account_pages"), ("oversight", "0016_lanes_are_counted")]

    operations = [
        migrations.CreateModel(
            name="DueNotice",
            fields=[
                ("event_id", models.UUIDField(primary_key=True, serialize=False)),
                ("due_at", models.DateTimeField()),
                ("address", models.CharField(blank=True, default="", max_length=254)),
                ("failures_count", models.SmallIntegerField(default=0)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="mailboxes.account"
                    ),
                ),
            ],
            options={"indexes": [models.Index("due_at", name="due_notice_in_turn")]},
        ),
    ]
