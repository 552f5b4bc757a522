"""Webhooks: filters, order, a secret on its way out, and each attempt with its timing."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import mailboxes.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0011_domains'),
        ('messaging', '0015_departure'),
    ]

    operations = [
        migrations.CreateModel(
            name='WebhookAttempt',
            fields=[
                ('id', models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.SmallIntegerField()),
                ('started_at', models.DateTimeField()),
                ('duration_ms', models.IntegerField()),
                ('response_status', models.SmallIntegerField(blank=True, null=True)),
                ('code', models.CharField(blank=True, help_text='Why there was no answer, or why it is none.', max_length=40)),
            ],
        ),
        migrations.AddField(
            model_name='webhookendpoint',
            name='failing_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='webhookendpoint',
            name='is_ordered',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='webhookendpoint',
            name='previous_secret',
            field=models.BinaryField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='webhookendpoint',
            name='previous_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='webhookendpoint',
            name='secret_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name='webhookendpoint',
            name='tags',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=50), blank=True, default=list, size=None),
        ),
        migrations.AlterField(
            model_name='webhookdelivery',
            name='event',
            field=models.CharField(max_length=60),
        ),
        migrations.AlterField(
            model_name='webhookendpoint',
            name='events',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None),
        ),
        migrations.AddConstraint(
            model_name='webhookendpoint',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('previous_secret__isnull', True), ('previous_until__isnull', True)), models.Q(('previous_secret__isnull', False), ('previous_until__isnull', False)), _connector='OR'), name='webhook_previous_secret_ends'),
        ),
        migrations.AddField(
            model_name='webhookattempt',
            name='delivery',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='tries', to='messaging.webhookdelivery'),
        ),
        migrations.AddConstraint(
            model_name='webhookattempt',
            constraint=models.UniqueConstraint(models.F('delivery'), models.F('number'), name='webhook_attempt_once'),
        ),
        migrations.AddConstraint(
            model_name='webhookattempt',
            constraint=models.CheckConstraint(condition=models.Q(('number__gt', 0)), name='webhook_attempt_counted_from_one'),
        ),
    ]
