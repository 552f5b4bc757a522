"""Everything of an account as one archive: a folder of JSON lines for each table, and the mail as it came or left.

Every app registers what it has. Nothing is read at once but a page: rows by their position, bytes one group at a time;
and no transaction is open while the archive is sent, so rows that change meanwhile may be of either moment. The last
member is `manifest.json` with the counts: an archive without it is not whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import BinaryField, Expression, IntegerField, Model, Q, QuerySet, Value

from . import events
from .archive import Archive
from .models import Account
from .principals import Principal

PAGE = 200
# What is read at a time, and what is handed on at a time.
GROUP_BYTES = 2 * 1024**2
PIECE_BYTES = 256 * 1024
FORMAT = 1
README = """Everything that Gatepost keeps of the account, as far as its agents may know of it.

One folder for each table, with a JSON object on each line; the names are those of the columns. mail/ holds every
message as it was received, and every version of what was sent, by the message's id; files/ holds what was uploaded and
not sent. Keys, passwords and private keys are not here. manifest.json comes last: without it the archive was cut off,
and should be fetched again.
"""

Along = Callable[[Sequence[Any]], Mapping[UUID, Mapping[str, object]]]
Files = Callable[[Sequence[Any]], Iterator[tuple[str, bytes]]]


@dataclass(frozen=True, slots=True)
class Table:
    """One folder of the archive.

    `rows` are querysets, each read in the order of `moment` (newest first) or of the ids. `leave_out` are columns;
    bytes are never told. `weight` is what a row weighs in characters, where it may be much. `files` gives what
    stands in files beside a page of rows; `along` further members of their objects.
    """

    name: str
    rows: Callable[[Account], Iterable[QuerySet[Any]]]
    leave_out: frozenset[str] = frozenset()
    moment: str = ""
    weight: Expression | None = None
    files: Files | None = None
    along: list[Along] = field(default_factory=list)


class Interrupted(Exception):
    """The account was deleted while it was read: the archive must not look whole."""


_tables: dict[str, Table] = {}


def register(*tables: Table) -> None:
    _tables.update({table.name: table for table in tables})


def accompany(name: str, along: Along) -> None:
    """Add what an upper floor knows of a table's rows to their objects."""
    _tables[name].along.append(along)


def tables() -> list[Table]:
    return list(_tables.values())


def begin(actor: Principal, *, now: datetime) -> Iterator[bytes]:
    """The archive of the actor's account, piece by piece; the log says who has asked for it.

    Needs full access. What can be refused is refused here, before the first piece.
    """
    actor.require_full_access()
    account = actor.account
    events.record(account, "account.exported", subject=str(account.pk), data={"by": actor.identity}, now=now)
    return _pieces(account, now=now)


def _pieces(account: Account, *, now: datetime) -> Iterator[bytes]:
    archive = Archive(made_at=now)
    archive.add("README.txt", README.encode())
    counts: dict[str, dict[str, int]] = {}
    for table in tables():
        counts[table.name] = {"rows": 0, "files": 0}
        for name, content, rows in _members(table, account):
            archive.add(name, content)
            counts[table.name]["rows" if rows else "files"] += rows or 1
            if archive.ready >= PIECE_BYTES:
                yield archive.take()
        if not Account.objects.filter(pk=account.pk, departed_at__isnull=True).exists():
            raise Interrupted
    manifest = {"format": FORMAT, "account": str(account.pk), "slug": account.slug, "madeAt": now, "tables": counts}
    archive.add("manifest.json", _json(manifest, indent=2))
    archive.end()
    yield archive.take()


def _members(table: Table, account: Account) -> Iterator[tuple[str, bytes, int]]:
    """Name, content, and how many rows it holds; 0 for a file."""
    number = 0
    for rows in table.rows(account):
        for ids in _groups(rows, table):
            number += 1
            page = list(rows.filter(pk__in=ids).order_by("pk"))
            extra = [along(page) for along in table.along]
            lines = [_json(_told(row, table, extra)) for row in page]
            yield f"{table.name}/{number:06}.jsonl", b"\n".join(lines) + b"\n", len(page)
            for name, content in table.files(page) if table.files else ():
                yield name, content, 0


def _groups(rows: QuerySet[Any], table: Table) -> Iterator[list[UUID]]:
    """The ids of all rows, as many at a time as may be read at once."""
    moment = table.moment or "pk"
    weighed = rows.annotate(weight=table.weight or Value(0, output_field=IntegerField()))
    way = "-" if table.moment else ""
    places = weighed.order_by(f"{way}{moment}", f"{way}pk").values_list("pk", moment, "weight")
    found = list(places[:PAGE])
    while found:
        yield from in_groups((pk, weight or 0) for pk, _, weight in found)
        last_id, last = found[-1][:2]
        found = list(places.filter(_behind(table, last, last_id))[:PAGE]) if len(found) == PAGE else []


def in_groups(weighed: Iterable[tuple[UUID, int]]) -> Iterator[list[UUID]]:
    """Ids that weigh no more than GROUP_BYTES together; what weighs more alone is alone."""
    group: list[UUID] = []
    total = 0
    for pk, weight in weighed:
        if group and total + weight > GROUP_BYTES:
            yield group
            group, total = [], 0
        group.append(pk)
        total += weight
    if group:
        yield group


def _behind(table: Table, last: object, last_id: UUID) -> Q:
    if not table.moment:
        return Q(pk__gt=last_id)
    edge = Q(**{f"{table.moment}__lte": last})  # said twice: this is what an index can use
    return edge & (Q(**{f"{table.moment}__lt": last}) | Q(pk__lt=last_id))


def _told(row: Model, table: Table, extra: Sequence[Mapping[UUID, Mapping[str, object]]]) -> dict[str, object]:
    told = columns(row, leave_out=table.leave_out)
    for along in extra:
        told |= along.get(row.pk, {})
    return told


def columns(row: Model, *, leave_out: frozenset[str] = frozenset()) -> dict[str, object]:
    """The row's columns by name, without bytes and what is left out."""
    return {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if not isinstance(field, BinaryField) and field.attname not in leave_out
    }


def _json(content: object, *, indent: int | None = None) -> bytes:
    return json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, indent=indent).encode("utf-8", "replace")
