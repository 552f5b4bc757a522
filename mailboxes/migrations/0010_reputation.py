"""What accounts are judged by: complaints are counted as bounces are, and judging begins anew after a suspension."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0009_over_limit'),
    ]

    operations = [
        migrations.AddField(
            model_name='account',
            name='judged_from',
            field=models.DateTimeField(blank=True, help_text='Bounces and complaints count against days that began after this.', null=True),
        ),
        migrations.AlterField(
            model_name='usage',
            name='kind',
            field=models.CharField(choices=[('daily_sends', 'recipients a day, per mailbox'), ('monthly_sends', 'recipients a month, per mailbox'), ('mailbox_sends_per_minute', 'recipients a minute, per mailbox'), ('account_sends_per_minute', 'recipients a minute, per account'), ('mailboxes', 'mailboxes, per account'), ('monthly_inbound', 'received messages a month, per account'), ('storage_bytes', 'bytes of attachments, per account'), ('daily_inbound', 'received messages a day, per account'), ('daily_bounces', "recipients of a day's sends that bounced, per account"), ('daily_complaints', "recipients of a day's sends that complained, per account")], max_length=30),
        ),
        migrations.AddIndex(
            model_name='usage',
            index=models.Index(models.F('period_start'), condition=models.Q(('kind__in', ('daily_bounces', 'daily_complaints'))), name='usage_of_evidence'),
        ),
    ]
