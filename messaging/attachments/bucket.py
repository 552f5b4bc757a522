"""Storage in a bucket of any S3. Needs boto3; loaded only where FILES_BUCKET is set."""

from __future__ import annotations

from typing import Any

from storages.backends.s3 import Config, S3Storage  # type: ignore[import-untyped]  # has no types

CONNECT_SECONDS, READ_SECONDS = 5, 30
TRIES = 2


class Bucket(S3Storage):  # type: ignore[misc]  # untyped
    """A private bucket that is asked within limits: a storage that hangs must not hold the threads that answer."""

    def __init__(self, **options: Any) -> None:
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": TRIES},
            # Checksums as Amazon sends them by default are refused by other people's S3.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            signature_version="s3v4",
            s3={"addressing_style": "path" if options.get("endpoint_url") else "auto"},
        )
        # What is read is kept in memory up to here, on disk beyond. Links are ours, never the bucket's.
        super().__init__(**options, client_config=config, max_memory_size=1024**2, querystring_auth=False)
