"""Keys that are bound to addresses and that take another's place; who called the API."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

import mailboxes.ids

# Whoever remembers keys (0004) forgets them, too, when one is bound to addresses.
COLUMNS = "revoked_at, expires_at, scopes, is_scoped, environment, digest, account_id, agent_id, member_id"
BELL = f"""
DROP TRIGGER key_changed ON mailboxes_apikey;
CREATE TRIGGER key_changed AFTER UPDATE OF {COLUMNS}, ip_allowlist
    ON mailboxes_apikey FOR EACH STATEMENT EXECUTE FUNCTION gatepost_keys_changed();
"""
UNDO = f"""
DROP TRIGGER key_changed ON mailboxes_apikey;
CREATE TRIGGER key_changed AFTER UPDATE OF {COLUMNS}
    ON mailboxes_apikey FOR EACH STATEMENT EXECUTE FUNCTION gatepost_keys_changed();
"""


class Migration(migrations.Migration):
    dependencies = [("mailboxes", "0013_stops")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="ip_allowlist",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=49), blank=True, db_default=[], default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="rotated_to",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="rotated_from",
                to="mailboxes.apikey",
            ),
        ),
        migrations.RunSQL(BELL, UNDO),
        migrations.CreateModel(
            name="AccessEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("key_id", models.UUIDField(blank=True, null=True)),
                ("actor", models.CharField(help_text="Principal: agent:<id> or member:<id>.", max_length=80)),
                ("method", models.CharField(max_length=7)),
                ("route", models.CharField(max_length=120)),
                ("status", models.SmallIntegerField()),
                ("milliseconds", models.IntegerField()),
                ("subject", models.CharField(blank=True, max_length=32)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="mailboxes.account",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "access entries",
                "indexes": [
                    models.Index(
                        "account", models.F("at").desc(), models.F("id").desc(), name="access_by_account"
                    ),
                    models.Index(
                        "account",
                        "subject",
                        models.F("at").desc(),
                        condition=~models.Q(subject=""),
                        name="access_by_subject",
                    ),
                    django.contrib.postgres.indexes.BrinIndex(fields=["at"], name="access_by_age"),
                ],
            },
        ),
    ]
