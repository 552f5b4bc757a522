"""The only key that opens the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Clearance:
    """Permission to send exactly the bytes and recipients under `seal`, given by the policy or by a human decision."""

    seal: str
    decision_id: UUID | None = None

    @property
    def is_by_policy(self) -> bool:
        return self.decision_id is None
