"""Keys that were revoked, until their mail has been looked after."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mailboxes", "0014_keys"), ("oversight", "0011_queue")]

    operations = [
        migrations.CreateModel(
            name="RevokedKey",
            fields=[
                (
                    "key",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="mailboxes.apikey",
                    ),
                ),
                ("revoked_at", models.DateTimeField()),
            ],
            options={"indexes": [models.Index("revoked_at", name="revoked_key_in_turn")]},
        ),
    ]
