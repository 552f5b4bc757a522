"""Floors and oversight addresses; and where the end of a log is that no agent may learn of."""

from django.db import migrations, models

MODES = ['read_only', 'gated_all', 'gated_send', 'monitored', 'autonomous']


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0011_domains'),
    ]

    operations = [
        migrations.AddField(
            model_name='account',
            name='oversight_email',
            field=models.EmailField(blank=True, db_default='', default='', help_text="Where copies of monitored mailboxes' mail go. Empty: to the owner's address.", max_length=254),
        ),
        migrations.AddField(
            model_name='eventcounter',
            name='hidden_from',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='eventcounter',
            name='hidden_to',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='mailbox',
            name='floor',
            field=models.CharField(blank=True, choices=[(mode, mode) for mode in MODES], help_text='At least so strict are sends that a received mail made the agent do, or that do not say what did.', max_length=10, null=True),
        ),
        migrations.AddConstraint(
            model_name='mailbox',
            constraint=models.CheckConstraint(condition=models.Q(('floor__isnull', True), ('floor__in', MODES), _connector='OR'), name='mailbox_floor_known'),
        ),
    ]
