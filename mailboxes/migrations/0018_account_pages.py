"""Who made a key; where copies are to go once that address agrees; mail of revoked keys; looks at the log."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0017_mode_since'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditCheck',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='mailboxes.account')),
                ('asked_at', models.DateTimeField()),
                ('asked_by', models.CharField(help_text='Principal: member:<id>.', max_length=80)),
                ('begun_at', models.DateTimeField(blank=True, help_text='While a worker walks the log: since when.', null=True)),
                ('checked_at', models.DateTimeField(blank=True, null=True)),
                ('events_count', models.BigIntegerField(default=0, help_text='How many events were read.')),
                ('fault_seq', models.BigIntegerField(blank=True, help_text='The first that is not what was written.', null=True)),
                ('fault_text', models.CharField(blank=True, max_length=300)),
                ('heads_at', models.DateTimeField(blank=True, help_text='When heads were signed last, as of then.', null=True)),
            ],
        ),
        migrations.AddField(
            model_name='account',
            name='oversight_email_asked',
            field=models.EmailField(blank=True, db_default='', default='', help_text='Where they are to go once whoever reads that address has said yes to it.', max_length=254),
        ),
        migrations.AddField(
            model_name='account',
            name='oversight_email_asked_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='account',
            name='revoked_key_mail',
            field=models.CharField(blank=True, choices=[('hold', 'Hold'), ('cancel', 'Cancel')], db_default='', default='', help_text='What becomes of what a revoked key has queued. Empty: as the server does (REVOKED_KEY_MAIL).', max_length=6),
        ),
        migrations.AddField(
            model_name='apikey',
            name='made_by',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=80),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('revoked_key_mail__in', ['', 'hold', 'cancel'])), name='account_revoked_key_mail_known'),
        ),
    ]
