"""The first claims of an empty database, beside a file that another one left: one of them begins, none is halted."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from config.owner import as_owner
from mailboxes import clock, epoch, epoch_file
from mailboxes.epoch_file import Stamp
from mailboxes.models import Epoch
from tests.races.harness import THREADS, family, in_rounds

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def advance() -> None:
    with transaction.atomic():
        epoch.advance()


def ask() -> bool:
    return epoch.may_send(now=clock.now())


@in_rounds
def test_whoever_comes_first_begins_and_nobody_takes_it_for_a_restore(
    rounds: int, settings: Settings, tmp_path: Path
) -> None:
    settings.EPOCH_FILE = tmp_path / "epoch"
    with family("epoch: first claims", rounds) as people:
        for _ in range(rounds):
            empty()
            epoch_file.replace(Stamp(uuid4(), clock.now()))
            answers = people.race([advance, ask] * (THREADS // 2))
            assert False not in answers
            row = Epoch.objects.get()
            assert row.halted_at is None
            assert epoch_file.read() == Stamp(row.lineage, row.mark)
            people.winners += 1


def empty() -> None:
    """As a new database has it; only its owner may."""
    connection.close()
    with as_owner():
        Epoch.objects.all().delete()
    connection.close()
