"""What came while its mailbox held received mail waits for a human, whatever the mailbox's mode is when it is filed; and
what made an agent send, by its own word."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0020_facts'),
    ]

    operations = [
        migrations.AddField(
            model_name='rawmessage',
            name='is_gated',
            field=models.BooleanField(db_default=False, default=False, help_text='It came, or waited, while its mailbox was gated_all.'),
        ),
        migrations.AddField(
            model_name='message',
            name='provenance',
            field=models.CharField(blank=True, help_text='What made the agent send, by its own word; empty: nothing said.', max_length=8, null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='trigger_id',
            field=models.UUIDField(blank=True, help_text='The received message that made the agent send, by its own word.', null=True),
        ),
    ]
