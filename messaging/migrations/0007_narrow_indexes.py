"""No index speaks of a state any more, and pages keep room: a change of state writes one row and no index (HOT)."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0006_list_indexes'),
    ]

    operations = [
        migrations.RunSQL(
            """
            ALTER TABLE messaging_message SET (fillfactor = 60);
            ALTER TABLE messaging_recipient SET (fillfactor = 60);
            ALTER TABLE messaging_attempt SET (fillfactor = 60);
            """,
            """
            ALTER TABLE messaging_message RESET (fillfactor);
            ALTER TABLE messaging_recipient RESET (fillfactor);
            ALTER TABLE messaging_attempt RESET (fillfactor);
            """,
        ),
        migrations.RemoveIndex(
            model_name='attempt',
            name='attempt_unfinished',
        ),
        migrations.RemoveIndex(
            model_name='message',
            name='message_waiting',
        ),
        migrations.RemoveIndex(
            model_name='recipient',
            name='recipient_due',
        ),
        migrations.AddIndex(
            model_name='recipient',
            index=models.Index(models.F('next_at'), condition=models.Q(('next_at__isnull', False)), name='recipient_due'),
        ),
    ]
