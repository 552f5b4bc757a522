"""A person's second factor: since when, what is remembered of their codes, and accounts that ask for one."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0014_keys'),
    ]

    operations = [
        migrations.CreateModel(
            name='CodeTries',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='code_tries', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('wrong_count', models.PositiveSmallIntegerField(default=0)),
                ('locked_until', models.DateTimeField(blank=True, null=True)),
                ('last_step', models.BigIntegerField(default=0)),
            ],
            options={
                'verbose_name_plural': 'code tries',
            },
        ),
        migrations.AddField(
            model_name='account',
            name='requires_second_step',
            field=models.BooleanField(db_default=False, default=False, help_text='Members decide only once they have a second factor. Set by an owner.'),
        ),
        migrations.AddField(
            model_name='user',
            name='second_factor_at',
            field=models.DateTimeField(blank=True, help_text='Since when a code is asked for beside the password. Written by mailboxes.second_factor alone.', null=True),
        ),
    ]
