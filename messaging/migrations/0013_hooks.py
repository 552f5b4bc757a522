"""Webhooks, and a list of suppressions by age."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import mailboxes.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0009_test_accounts'),
        ('messaging', '0011_files'),
    ]

    operations = [
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('event_id', models.UUIDField()),
                ('event_seq', models.BigIntegerField()),
                ('event', models.CharField(choices=[('message.received', 'Received'), ('message.sent', 'Sent'), ('message.delivered', 'Delivered'), ('message.bounced', 'Bounced'), ('message.complaint', 'Complaint')], max_length=30)),
                ('status', models.CharField(choices=[('PENDING', 'Pending'), ('DELIVERED', 'Delivered'), ('FAILED', 'Failed')], default='PENDING', max_length=10)),
                ('attempts', models.SmallIntegerField(default=0)),
                ('next_at', models.DateTimeField(blank=True, null=True)),
                ('attempted_at', models.DateTimeField(blank=True, null=True)),
                ('response_status', models.SmallIntegerField(blank=True, null=True)),
                ('code', models.CharField(blank=True, help_text='Why there was no answer.', max_length=40)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'verbose_name_plural': 'webhook deliveries',
            },
        ),
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('url', models.CharField(max_length=2048)),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('message.received', 'Received'), ('message.sent', 'Sent'), ('message.delivered', 'Delivered'), ('message.bounced', 'Bounced'), ('message.complaint', 'Complaint')], max_length=30), size=None)),
                ('headers', models.JSONField(blank=True, default=dict)),
                ('secret', models.BinaryField()),
                ('status', models.CharField(choices=[('ACTIVE', 'Active'), ('PAUSED', 'Paused'), ('FAILED', 'Failed')], default='ACTIVE', max_length=10)),
                ('failure_count', models.IntegerField(default=0, help_text='Failed attempts in a row.')),
                ('cursor', models.BigIntegerField(default=0)),
                ('last_triggered_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.AddIndex(
            model_name='suppression',
            index=models.Index(models.F('account'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='suppression_newest'),
        ),
        migrations.AddField(
            model_name='webhookendpoint',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='mailboxes.account'),
        ),
        migrations.AddField(
            model_name='webhookendpoint',
            name='mailbox',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='mailboxes.mailbox'),
        ),
        migrations.AddField(
            model_name='webhookdelivery',
            name='endpoint',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='messaging.webhookendpoint'),
        ),
        migrations.AddConstraint(
            model_name='webhookendpoint',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['ACTIVE', 'PAUSED', 'FAILED'])), name='webhook_status_known'),
        ),
        migrations.AddConstraint(
            model_name='webhookendpoint',
            constraint=models.CheckConstraint(condition=models.Q(('events__len__gt', 0)), name='webhook_subscribes'),
        ),
        migrations.AddConstraint(
            model_name='webhookendpoint',
            constraint=models.CheckConstraint(condition=models.Q(('failure_count__gte', 0)), name='webhook_failures_not_negative'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('endpoint'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='webhook_delivery_newest'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('next_at'), condition=models.Q(('status', 'PENDING')), name='webhook_delivery_due'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.UniqueConstraint(models.F('endpoint'), models.F('event_id'), name='webhook_delivery_once'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('next_at__isnull', False), ('status', 'PENDING')), models.Q(('next_at__isnull', True), ('status__in', ['DELIVERED', 'FAILED'])), _connector='OR'), name='webhook_delivery_pending_has_time'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(('attempts__gte', 0)), name='webhook_delivery_attempts_not_negative'),
        ),
    ]
