"""Sessions for /v1, questions to the operator, and whether the welcome mail was sent."""

import django.db.models.deletion
import django.db.models.functions.datetime
import mailboxes.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0006_test_accounts'),
    ]

    operations = [
        migrations.AddField(
            model_name='account',
            name='welcomed_at',
            field=models.DateTimeField(blank=True, help_text='When its owner was sent the welcome mail.', null=True),
        ),
        migrations.CreateModel(
            name='ApiSession',
            fields=[
                ('id', models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('fingerprint', models.CharField(editable=False, max_length=64)),
                ('expires_at', models.DateTimeField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_sessions', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'API session',
            },
        ),
        migrations.CreateModel(
            name='SupportTicket',
            fields=[
                ('id', models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('category', models.CharField(choices=[('technical', 'Technical'), ('billing', 'Billing'), ('account', 'Account'), ('other', 'Other')], max_length=10)),
                ('subject', models.CharField(max_length=200)),
                ('message', models.TextField(max_length=5000)),
                ('asked_by', models.CharField(help_text='Who asked, as it stands in events: agent:… .', max_length=50)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='support_tickets', to='mailboxes.account')),
            ],
            options={
                'indexes': [models.Index(models.F('account'), models.F('created_at'), name='support_ticket_by_account')],
                'constraints': [models.CheckConstraint(condition=models.Q(('category__in', ['technical', 'billing', 'account', 'other'])), name='support_ticket_category_known')],
            },
        ),
    ]
