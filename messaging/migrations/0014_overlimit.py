"""Mail over the month's limit is withheld; mail for a paused mailbox is held. Arrival counts, not release."""

import django.db.models.functions.datetime
from django.db import migrations, models

# As it was counted so far.
ARRIVED_WHEN_RELEASED = """
UPDATE messaging_message SET received_at = released_at WHERE direction = 'INBOUND' AND released_at IS NOT NULL
"""


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0010_over_limit'),
        ('messaging', '0010_attempt_session'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='message',
            name='message_by_mailbox',
        ),
        migrations.AddField(
            model_name='message',
            name='received_at',
            field=models.DateTimeField(blank=True, help_text='Arrival; decides in which month it counts.', null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='unlocked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='withheld_at',
            field=models.DateTimeField(blank=True, help_text='Empty once it is unlocked.', null=True),
        ),
        migrations.RunSQL(ARRIVED_WHEN_RELEASED, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='message',
            name='created_at',
            field=models.DateTimeField(help_text='When it was asked to leave, or was filed: later than received_at.'),
        ),
        migrations.AlterField(
            model_name='rawmessage',
            name='due_at',
            field=models.DateTimeField(blank=True, db_default=django.db.models.functions.datetime.Now(), help_text='When it is to be filed; later after each failure. Empty while its mailbox is paused.', null=True),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(models.F('mailbox'), models.F('direction'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), condition=models.Q(('withheld_at__isnull', True)), name='message_by_mailbox'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(models.F('account'), models.F('received_at'), models.F('id'), condition=models.Q(('withheld_at__isnull', False)), name='message_withheld'),
        ),
        migrations.AddIndex(
            model_name='rawmessage',
            index=models.Index(models.F('mailbox'), condition=models.Q(('due_at__isnull', True), ('processed_at__isnull', True)), name='raw_message_held'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(('withheld_at__isnull', True), models.Q(('direction', 'INBOUND'), ('received_at__isnull', False), ('unlocked_at__isnull', True)), _connector='OR'), name='message_withheld_was_received'),
        ),
    ]
