"""Rules of accounts and mailboxes, in versions that stand for good; which were in force when a message was judged."""

import django.db.models.deletion
import mailboxes.ids
from django.db import migrations, models


GUARDS = """
CREATE TRIGGER rule_set_version_append_only BEFORE UPDATE OR DELETE ON oversight_rulesetversion
    FOR EACH ROW EXECUTE FUNCTION gatepost_append_only();
CREATE TRIGGER rule_set_version_never_truncated BEFORE TRUNCATE ON oversight_rulesetversion
    FOR EACH STATEMENT EXECUTE FUNCTION gatepost_append_only();
CREATE TRIGGER rule_set_keeps_its_place BEFORE UPDATE OF account_id, mailbox_id ON oversight_ruleset
    FOR EACH ROW WHEN (OLD.account_id <> NEW.account_id OR OLD.mailbox_id IS DISTINCT FROM NEW.mailbox_id)
    EXECUTE FUNCTION gatepost_keeps_its_place();
CREATE TRIGGER rule_set_is_last_to_go BEFORE DELETE ON oversight_ruleset
    FOR EACH ROW EXECUTE FUNCTION gatepost_is_last_to_go('oversight_rulesetversion', 'rule_set_id');

-- They name people: they go with the account, and with the mailbox whose they are.
CREATE FUNCTION oversight_erase_rule_sets(account uuid, mailbox uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    erased integer;
BEGIN
    IF mailboxes_may_erase(account, mailbox) IS NOT TRUE THEN
        RAISE EXCEPTION 'these rules stay' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM oversight_rulesetversion v USING oversight_ruleset s
    WHERE s.id = v.rule_set_id AND s.account_id = account AND (mailbox IS NULL OR s.mailbox_id = mailbox);
    GET DIAGNOSTICS erased = ROW_COUNT;
    RETURN erased;
END $$;
REVOKE ALL ON FUNCTION oversight_erase_rule_sets(uuid, uuid) FROM PUBLIC;
"""

UNDO = """
DROP FUNCTION oversight_erase_rule_sets(uuid, uuid);
DROP TRIGGER rule_set_is_last_to_go ON oversight_ruleset;
DROP TRIGGER rule_set_keeps_its_place ON oversight_ruleset;
DROP TRIGGER rule_set_version_never_truncated ON oversight_rulesetversion;
DROP TRIGGER rule_set_version_append_only ON oversight_rulesetversion;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0011_domains'),
        ('oversight', '0005_room_for_people'),
    ]

    operations = [
        migrations.AddField(
            model_name='evaluation',
            name='rule_sets',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name='RuleSet',
            fields=[
                ('id', models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('latest', models.IntegerField(default=0)),
                ('live', models.IntegerField(blank=True, null=True)),
                ('live_since', models.DateTimeField(blank=True, null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rule_sets', to='mailboxes.account')),
                ('live_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailboxes.member')),
                ('mailbox', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='rule_set', to='mailboxes.mailbox')),
            ],
        ),
        migrations.CreateModel(
            name='RuleSetVersion',
            fields=[
                ('id', models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.IntegerField()),
                ('rules', models.JSONField()),
                ('note', models.CharField(blank=True, max_length=500)),
                ('copy_of', models.IntegerField(blank=True, null=True)),
                ('made_at', models.DateTimeField()),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mailboxes.member')),
                ('rule_set', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='versions', to='oversight.ruleset')),
            ],
        ),
        migrations.AddConstraint(
            model_name='ruleset',
            constraint=models.UniqueConstraint(models.F('account'), condition=models.Q(('mailbox', None)), name='rule_set_one_of_account'),
        ),
        migrations.AddConstraint(
            model_name='ruleset',
            constraint=models.CheckConstraint(condition=models.Q(('live', None), ('live__lte', models.F('latest')), _connector='OR'), name='rule_set_live_exists'),
        ),
        migrations.AddConstraint(
            model_name='rulesetversion',
            constraint=models.UniqueConstraint(models.F('rule_set'), models.F('number'), name='rule_set_version_once'),
        ),
        migrations.AddConstraint(
            model_name='rulesetversion',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='rule_set_version_counts'),
        ),
        migrations.RunSQL(GUARDS, UNDO),
    ]
