"""Accounts that were deleted, and what may be erased because of it.

The application's role can't delete from the event log. What it can is to mark an account as departed, for good, and to
have the log of such an account removed, by a function of the owner's that removes nothing else. So whoever has taken
the application over can make an account vanish, with all that it did; it can rewrite none, and where the operator set a
delay it has to wait for it. The delay is a function of the owner's too (config.grants): the application can't shorten it.
"""

import django.db.models.deletion
from django.db import migrations, models

import mailboxes.ids

GUARDS = """
CREATE FUNCTION gatepost_deletion_delay() RETURNS interval LANGUAGE sql STABLE AS $$ SELECT interval '0 seconds' $$;

-- The owner may repair what nobody else may touch.
CREATE FUNCTION gatepost_is_owner_of(relation oid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT current_user = pg_get_userbyid(relowner) FROM pg_class WHERE oid = relation
$$;

CREATE FUNCTION gatepost_departs_for_good() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was timestamptz;
    is_now timestamptz;
BEGIN
    IF gatepost_is_owner_of(TG_RELID) THEN
        RETURN NEW;
    END IF;
    IF TG_TABLE_NAME = 'mailboxes_account' THEN
        is_now := NEW.departed_at;
        IF TG_OP = 'UPDATE' THEN
            was := OLD.departed_at;
            IF NEW.is_platform <> OLD.is_platform OR is_now IS NOT NULL AND NEW.is_platform THEN
                RAISE EXCEPTION 'the platform stays' USING ERRCODE = 'check_violation';
            END IF;
        END IF;
    ELSE
        is_now := NEW.deleted_at;
        IF TG_OP = 'UPDATE' THEN
            was := OLD.deleted_at;
        END IF;
    END IF;
    IF was IS NOT NULL AND is_now IS DISTINCT FROM was THEN
        RAISE EXCEPTION 'what was deleted does not come back' USING ERRCODE = 'check_violation';
    END IF;
    IF was IS NULL AND is_now < clock_timestamp() - interval '1 minute' THEN
        RAISE EXCEPTION 'nothing is deleted in the past' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER account_departs_for_good BEFORE INSERT OR UPDATE OF departed_at, is_platform ON mailboxes_account
    FOR EACH ROW EXECUTE FUNCTION gatepost_departs_for_good();
CREATE TRIGGER mailbox_departs_for_good BEFORE INSERT OR UPDATE OF deleted_at ON mailboxes_mailbox
    FOR EACH ROW EXECUTE FUNCTION gatepost_departs_for_good();

-- Foreign keys are looked at when a transaction ends; in its middle a row could be taken away and made anew elsewhere.
CREATE FUNCTION gatepost_is_last_to_go() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_needed boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %I = $1)', TG_ARGV[0], TG_ARGV[1]) INTO is_needed USING OLD.id;
    IF is_needed AND NOT gatepost_is_owner_of(TG_RELID) THEN
        RAISE EXCEPTION '% goes after %', TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER account_is_last_to_go BEFORE DELETE ON mailboxes_account
    FOR EACH ROW EXECUTE FUNCTION gatepost_is_last_to_go('mailboxes_event', 'account_id');

-- Nothing is carried into a house that is going to be torn down.
CREATE FUNCTION gatepost_keeps_its_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT gatepost_is_owner_of(TG_RELID) THEN
        RAISE EXCEPTION '% keeps its place', TG_TABLE_NAME USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER mailbox_keeps_its_place BEFORE UPDATE OF account_id ON mailboxes_mailbox
    FOR EACH ROW WHEN (OLD.account_id <> NEW.account_id) EXECUTE FUNCTION gatepost_keeps_its_place();

-- Whether what belongs there may be erased: of a departed account all, of a deleted mailbox its mail.
CREATE FUNCTION mailboxes_may_erase(account uuid, mailbox uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM mailboxes_account a
        WHERE a.id = account AND NOT a.is_platform
            AND a.departed_at + gatepost_deletion_delay() <= clock_timestamp()
    ) OR EXISTS (
        SELECT FROM mailboxes_mailbox b
        WHERE b.id = mailbox AND b.account_id = account
            AND b.deleted_at + gatepost_deletion_delay() <= clock_timestamp()
    )
$$;

-- From the newest event on, and the head of the log with it: what is left is a log without gaps at every moment.
CREATE FUNCTION mailboxes_erase_events(account uuid, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    kept bigint;
    erased integer;
BEGIN
    IF mailboxes_may_erase(account, NULL) IS NOT TRUE THEN
        RAISE EXCEPTION 'this account has not departed, or not long enough ago' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT greatest(c.last_seq - most, 0) INTO kept
    FROM mailboxes_eventcounter c WHERE c.account_id = account FOR UPDATE;
    DELETE FROM mailboxes_event e WHERE e.account_id = account AND e.seq > kept;
    GET DIAGNOSTICS erased = ROW_COUNT;
    UPDATE mailboxes_eventcounter c SET last_seq = kept, last_hash = coalesce(
        (SELECT e.hash FROM mailboxes_event e WHERE e.account_id = account AND e.seq = kept), '')
    WHERE c.account_id = account;
    RETURN erased;
END $$;
REVOKE ALL ON FUNCTION mailboxes_erase_events(uuid, integer) FROM PUBLIC;
"""

UNDO = """
DROP FUNCTION mailboxes_erase_events(uuid, integer);
DROP FUNCTION mailboxes_may_erase(uuid, uuid);
DROP TRIGGER mailbox_keeps_its_place ON mailboxes_mailbox;
DROP FUNCTION gatepost_keeps_its_place();
DROP TRIGGER account_is_last_to_go ON mailboxes_account;
DROP FUNCTION gatepost_is_last_to_go();
DROP TRIGGER mailbox_departs_for_good ON mailboxes_mailbox;
DROP TRIGGER account_departs_for_good ON mailboxes_account;
DROP FUNCTION gatepost_departs_for_good();
DROP FUNCTION gatepost_is_owner_of(oid);
DROP FUNCTION gatepost_deletion_delay();
"""

# Mail of mailboxes that were deleted before this version was only hidden: it goes now.
DELETED_BEFORE = """
INSERT INTO mailboxes_erasure (id, account_id, mailbox_id, begun_at, due_at, failures_count, counts, last_hash)
SELECT gen_random_uuid(), account_id, id, deleted_at, now(), 0, '{}', '' FROM mailboxes_mailbox
WHERE deleted_at IS NOT NULL
"""


class Migration(migrations.Migration):

    dependencies = [
        ('mailboxes', '0007_people'),
        ('mailboxes', '0010_over_limit'),
    ]

    operations = [
        migrations.CreateModel(
            name='Tombstone',
            fields=[
                ('digest', models.CharField(editable=False, max_length=64, primary_key=True, serialize=False)),
            ],
        ),
        migrations.AddField(
            model_name='account',
            name='departed_at',
            field=models.DateTimeField(blank=True, editable=False, help_text='Deleted: nothing of it is left in a while. No way back.', null=True),
        ),
        migrations.AlterField(
            model_name='event',
            name='account',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='mailboxes.account'),
        ),
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.UUIDField(default=mailboxes.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('account_id', models.UUIDField(editable=False, null=True)),
                ('mailbox_id', models.UUIDField(editable=False, help_text='Empty: the whole account.', null=True)),
                ('begun_at', models.DateTimeField(editable=False)),
                ('due_at', models.DateTimeField(editable=False, help_text='When it goes on; later after each failure.')),
                ('failures_count', models.IntegerField(default=0, editable=False)),
                ('counts', models.JSONField(default=dict, editable=False)),
                ('last_hash', models.CharField(blank=True, editable=False, max_length=64)),
                ('finished_at', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'indexes': [models.Index(models.F('due_at'), condition=models.Q(('finished_at__isnull', True)), name='erasure_due')],
                'constraints': [models.UniqueConstraint(models.F('account_id'), condition=models.Q(('mailbox_id__isnull', True)), name='erasure_of_account_once'), models.UniqueConstraint(models.F('mailbox_id'), name='erasure_of_mailbox_once')],
            },
        ),
        migrations.RunSQL(DELETED_BEFORE, migrations.RunSQL.noop),
        migrations.RunSQL(GUARDS, UNDO),
    ]
