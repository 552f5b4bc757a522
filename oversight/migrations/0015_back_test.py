"""Back-tests of rules, made in the background."""

import django.db.models.deletion
import mailboxes.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0018_account_pages'),
        ('oversight', '0014_trust'),
    ]

    operations = [
        migrations.CreateModel(
            name='BackTest',
            fields=[
                ('id', models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.IntegerField()),
                ('days', models.IntegerField()),
                ('in_force', models.JSONField(default=list)),
                ('asked_at', models.DateTimeField()),
                ('by', models.CharField(max_length=60)),
                ('total', models.IntegerField()),
                ('is_whole', models.BooleanField()),
                ('looked_at', models.IntegerField(default=0)),
                ('changed', models.IntegerField(default=0)),
                ('rejected', models.IntegerField(default=0)),
                ('moves', models.JSONField(default=list)),
                ('changes', models.JSONField(default=list)),
                ('seen_at', models.DateTimeField(blank=True, null=True)),
                ('seen_id', models.UUIDField(blank=True, null=True)),
                ('leased_until', models.DateTimeField(blank=True, null=True)),
                ('tries', models.SmallIntegerField(default=0)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('failure', models.CharField(blank=True, max_length=200)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='mailboxes.account')),
                ('asked_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailboxes.member')),
                ('rule_set', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='back_tests', to='oversight.ruleset')),
            ],
            options={
                'indexes': [models.Index(models.F('rule_set'), models.F('number'), models.OrderBy(models.F('asked_at'), descending=True), name='back_test_newest')],
                'constraints': [models.UniqueConstraint(models.F('account'), condition=models.Q(('finished_at', None)), name='back_test_one_under_way'), models.CheckConstraint(condition=models.Q(('failure', ''), ('finished_at__isnull', False), _connector='OR'), name='back_test_failed_ended')],
            },
        ),
    ]
