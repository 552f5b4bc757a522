"""Tags, what a send took of the limits, and complaints counted from the rows that were there before."""

import django.contrib.postgres.fields
from django.db import migrations, models

COMPLAINTS = """
INSERT INTO mailboxes_usage (id, account_id, subject_id, kind, period_start, used)
SELECT gen_random_uuid(), account_id, account_id, 'daily_complaints', period AT TIME ZONE 'UTC', used
FROM (
    SELECT m.account_id, date_trunc('day', m.created_at AT TIME ZONE 'UTC') AS period, count(*) AS used
    FROM messaging_recipient r JOIN messaging_message m ON m.id = r.message_id
    WHERE r.state = 'complained' GROUP BY 1, 2
) AS counted
ON CONFLICT (subject_id, kind, period_start) DO UPDATE SET used = EXCLUDED.used
"""


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0010_reputation'),
        ('messaging', '0011_files'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='quota_amount',
            field=models.IntegerField(blank=True, help_text='How much was taken; empty: one for each recipient.', null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='tags',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=50), blank=True, null=True, size=None),
        ),
        migrations.RunSQL(COMPLAINTS, migrations.RunSQL.noop),
    ]
