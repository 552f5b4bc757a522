"""The real folder storage, which fails on demand, and lets others act in the middle of a write."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

from messaging.attachments.folder import Folder


class Frail(Folder):
    """`broken` names what fails just now: save, open, delete. `while_saving` is called once, before the next write."""

    broken: set[str] = set()
    while_saving: list[Callable[[], object]] = []

    def _save(self, name: str, content: IO[Any]) -> str:
        if Frail.while_saving:
            Frail.while_saving.pop()()
        self._fail("save")
        return super()._save(name, content)

    def open(self, name: str, mode: str = "rb") -> Any:
        self._fail("open")
        return super().open(name, mode)

    def delete(self, name: str) -> None:
        self._fail("delete")
        super().delete(name)

    def _fail(self, what: str) -> None:
        if what in Frail.broken:
            raise ConnectionError(f"{what}: the storage is away")
