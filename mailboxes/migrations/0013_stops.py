"""Stops of mailboxes, agents, keys and everything beside those of accounts; their history, and the switch."""

import django.contrib.postgres.fields
import django.db.models.deletion
import mailboxes.ids
from django.db import migrations, models

# An account that is stopped already has its row in the history, too.
BEGUN_BEFORE = """
INSERT INTO mailboxes_stop (id, scope, account_id, subject_id, reason, by, member_id, stopped_at, resumed_by)
SELECT gen_random_uuid(), 'account', id, id, stop_reason, coalesce('member:' || stopped_by_id, 'operator:'),
    stopped_by_id, stopped_at, ''
FROM mailboxes_account WHERE stopped_at IS NOT NULL
"""


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0012_inbound'),
    ]

    operations = [
        migrations.AddField(
            model_name='account',
            name='stopped_subjects',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), blank=True, editable=False, null=True, size=None),
        ),
        migrations.CreateModel(
            name='Switch',
            fields=[
                ('id', models.SmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ('generation', models.BigIntegerField(default=0, editable=False)),
                ('stopped_at', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='switch_only_one')],
            },
        ),
        migrations.CreateModel(
            name='Stop',
            fields=[
                ('id', models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('scope', models.CharField(choices=[('everything', 'Everything'), ('account', 'Account'), ('mailbox', 'Mailbox'), ('agent', 'Agent'), ('key', 'Key')], max_length=10)),
                ('subject_id', models.UUIDField(blank=True, null=True)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('by', models.CharField(max_length=80)),
                ('stopped_at', models.DateTimeField()),
                ('resumed_by', models.CharField(blank=True, max_length=80)),
                ('resumed_at', models.DateTimeField(blank=True, null=True)),
                ('account', models.ForeignKey(blank=True, help_text='Empty: everything.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='stops', to='mailboxes.account')),
                ('agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailboxes.agent')),
                ('member', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailboxes.member')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('scope__in', ['everything', 'account', 'mailbox', 'agent', 'key'])), name='stop_scope_known'), models.CheckConstraint(condition=models.Q(models.Q(('account__isnull', True), ('scope', 'everything'), ('subject_id__isnull', True)), models.Q(models.Q(('scope', 'everything'), _negated=True), ('account__isnull', False), ('subject_id__isnull', False)), _connector='OR'), name='stop_of_something'), models.UniqueConstraint(models.F('subject_id'), condition=models.Q(('resumed_at__isnull', True), ('subject_id__isnull', False)), name='stop_once_at_a_time'), models.UniqueConstraint(models.F('scope'), condition=models.Q(('resumed_at__isnull', True), ('scope', 'everything')), name='stop_of_everything_once')],
            },
        ),
        migrations.RunSQL(BEGUN_BEFORE, migrations.RunSQL.noop),
    ]
