"""Acts of agents: who ended a permit, and whether people were told of what was done."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0016_operator_approval'),
        ('oversight', '0012_revoked_key'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='permit',
            name='permit_state_known',
        ),
        migrations.AddField(
            model_name='permit',
            name='ended_by',
            field=models.CharField(blank=True, db_default='', default='', max_length=80),
        ),
        migrations.AddField(
            model_name='permit',
            name='told_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        # What was done before now is no news.
        migrations.RunSQL("UPDATE oversight_permit SET told_at = ended_at WHERE state = 'used'", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='permit',
            name='state',
            field=models.CharField(choices=[('waiting', 'Waiting'), ('granted', 'Granted'), ('used', 'Used'), ('refused', 'Refused'), ('replaced', 'Replaced'), ('done', 'Done')], default='waiting', max_length=8),
        ),
        migrations.AddIndex(
            model_name='permit',
            index=models.Index(models.F('account'), models.OrderBy(models.F('asked_at'), descending=True), name='permit_newest'),
        ),
        migrations.AddIndex(
            model_name='permit',
            index=models.Index(models.F('account'), models.F('ended_at'), condition=models.Q(('state__in', ['used', 'done']), ('told_at__isnull', True)), name='permit_to_tell'),
        ),
        migrations.AddConstraint(
            model_name='permit',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'granted', 'used', 'refused', 'replaced', 'done'])), name='permit_state_known'),
        ),
    ]
