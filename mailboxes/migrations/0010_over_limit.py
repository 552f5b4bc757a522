"""What is withheld, counted for each mailbox."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0007_people'),
    ]

    operations = [
        migrations.AlterField(
            model_name='usage',
            name='kind',
            field=models.CharField(choices=[('daily_sends', 'recipients a day, per mailbox'), ('monthly_sends', 'recipients a month, per mailbox'), ('mailbox_sends_per_minute', 'recipients a minute, per mailbox'), ('account_sends_per_minute', 'recipients a minute, per account'), ('mailboxes', 'mailboxes, per account'), ('monthly_inbound', 'received messages a month, per account'), ('storage_bytes', 'bytes of attachments, per account'), ('daily_inbound', 'received messages a day, per account'), ('daily_bounces', "recipients of a day's sends that bounced, per account"), ('over_limit', 'received messages that are withheld now, per mailbox')], max_length=30),
        ),
        migrations.AddIndex(
            model_name='usage',
            index=models.Index(models.F('account'), condition=models.Q(('kind', 'over_limit')), name='usage_over_limit'),
        ),
    ]
