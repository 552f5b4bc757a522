"""What may go wrong with a file, for the caller."""

from __future__ import annotations

from mailboxes import quotas
from mailboxes.errors import Problem
from mailboxes.outages import Unavailable


class FileTooLarge(Problem):
    """One file has more bytes than any may have."""

    status = 413
    code = "file_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"A file may have {limit} bytes at most.", fix="Send a link to it instead, or make it smaller."
        )


class StorageFull(Problem):
    """The account's storage has no room for it."""

    status = 413
    code = "storage_limit"

    def __init__(self) -> None:
        fix = f"Delete attachments that you don't need (DELETE /v1/attachments/{{id}}). {quotas.UPGRADE}"
        super().__init__("The account's storage is full.", fix=fix, upgrade=quotas.UPGRADE)


class StorageUnavailable(Unavailable):
    """The storage does not answer, or has not what it should have. Nothing was done."""

    code = "storage_unavailable"

    def __init__(self) -> None:
        super().__init__(
            "The files' storage does not answer right now.", fix="Try again.", headers={"Retry-After": "5"}
        )
