"""The counters of received and bounced mail, from the rows that were there before they were kept."""

from django.db import migrations

COUNT = """
INSERT INTO mailboxes_usage (id, account_id, subject_id, kind, period_start, used)
SELECT gen_random_uuid(), account_id, subject_id, kind, period AT TIME ZONE 'UTC', used
FROM (
    SELECT account_id, mailbox_id AS subject_id, 'monthly_inbound' AS kind,
        date_trunc('month', released_at AT TIME ZONE 'UTC') AS period, count(*) AS used
    FROM messaging_message WHERE direction = 'INBOUND' AND released_at IS NOT NULL GROUP BY 1, 2, 4
    UNION ALL
    SELECT account_id, account_id, 'daily_inbound', date_trunc('day', released_at AT TIME ZONE 'UTC'), count(*)
    FROM messaging_message WHERE direction = 'INBOUND' AND released_at IS NOT NULL GROUP BY 1, 2, 4
    UNION ALL
    SELECT m.account_id, m.account_id, 'daily_bounces', date_trunc('day', m.created_at AT TIME ZONE 'UTC'), count(*)
    FROM messaging_recipient r JOIN messaging_message m ON m.id = r.message_id
    WHERE r.state = 'bounced' GROUP BY 1, 2, 4
) AS counted
ON CONFLICT (subject_id, kind, period_start) DO UPDATE SET used = EXCLUDED.used
"""


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0005_counts'),
        ('messaging', '0008_direction_first'),
    ]

    operations = [
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
    ]
