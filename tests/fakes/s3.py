"""A bucket of an S3 on loopback: objects are put, read, looked at and deleted; nobody comes in unsigned."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class Bucket:
    """Where it is, and what it holds. `is_away`: it answers 503 to everything."""

    name: str
    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    is_away: bool = False


class _Server(ThreadingHTTPServer):
    bucket: Bucket


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_PUT(self) -> None:  # names that the server looks for
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self._may() and "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            self.server.bucket.objects[self._key()] = content
            self._answer(200)

    def do_GET(self) -> None:
        if self._may():
            self._answer_with_object(is_whole=True)

    def do_HEAD(self) -> None:
        if self._may():
            self._answer_with_object(is_whole=False)

    def do_DELETE(self) -> None:
        if self._may():
            self.server.bucket.objects.pop(self._key(), None)
            self._answer(204)

    def _may(self) -> bool:
        bucket = self.server.bucket
        is_signed = self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential=who/")
        is_here = unquote(self.path).startswith(f"/{bucket.name}/")
        if bucket.is_away or not is_signed or not is_here:
            self._answer(503 if bucket.is_away else 403)
            return False
        return True

    def _key(self) -> str:
        return unquote(self.path.partition("?")[0]).removeprefix(f"/{self.server.bucket.name}/")

    def _answer_with_object(self, *, is_whole: bool) -> None:
        content = self.server.bucket.objects.get(self._key())
        if content is None:
            self._answer(404)
            return
        headers = {"ETag": '"x"', "Last-Modified": "Sat, 21 Nov 2026 09:00:00 GMT", "Accept-Ranges": "bytes"}
        asked = RANGE.fullmatch(self.headers.get("Range", ""))
        if asked:
            first, last = int(asked[1]), int(asked[2] or len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            content = content[first : last + 1]
        self._answer(206 if asked else 200, content, is_whole=is_whole, **headers)

    def _answer(self, status: int, content: bytes = b"", *, is_whole: bool = True, **headers: str) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if is_whole:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the tests' screen."""


@contextmanager
def s3(name: str) -> Iterator[Bucket]:
    """Serves one bucket while the `with` lasts."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.bucket = Bucket(name, f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.bucket
        finally:
            server.shutdown()
            thread.join()
