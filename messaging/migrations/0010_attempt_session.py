"""An attempt knows the database session that claimed it; what was claimed before this is left to its lease."""

from django.db import migrations, models

import messaging.models.attempt


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0009_count_what_came'),
    ]

    operations = [
        migrations.AddField(
            model_name='attempt',
            name='session',
            field=models.CharField(db_default='', editable=False, max_length=40),
        ),
        migrations.AlterField(
            model_name='attempt',
            name='session',
            field=models.CharField(db_default=messaging.models.attempt.ThisSession(), editable=False, max_length=40),
        ),
    ]
