"""What goes over the pipes between a worker and its parser: length-prefixed pickles of a few known types.

The child reads hostile mail, so its answers are not trusted either: only these types can come out of a frame.
"""

from __future__ import annotations

import io
import pickle
import struct
from typing import Any, Protocol

PARSE, ATTACHMENT, AUTHENTICATE = "parse", "attachment", "authenticate"
READY, ANSWER, LIMITS = "ready", "answer", "limits"
MAX_FRAME = 256 * 1024**2

ALLOWED = {
    "messaging.mime.types": {"Address", "Parsed", "ParsedAttachment", "Report", "ReportKind"},
    "messaging.mime.defects": {"Defect"},
    "messaging.inbound.checks": {"Checks", "Signature"},
    "datetime": {"datetime", "timezone", "timedelta"},
}
_HEADER = struct.Struct(">I")


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Writable(Protocol):
    def write(self, octets: bytes, /) -> object: ...

    def flush(self) -> None: ...


class Broken(Exception):
    """The other side sent what no frame may hold, or ended in the middle of one."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name not in ALLOWED.get(module, ()):
            raise Broken(f"{module}.{name} may not come out of a parser")
        return super().find_class(module, name)


def write(stream: Writable, content: Any) -> None:
    """Send one frame."""
    body = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_HEADER.pack(len(body)))
    stream.write(body)
    stream.flush()


def read(stream: Readable) -> Any:
    """The content of the next frame, or None when the other side closed between frames. Raises Broken."""
    header = stream.read(_HEADER.size)
    if not header:
        return None
    if len(header) < _HEADER.size:
        raise Broken("the frame ends in its header")
    (length,) = _HEADER.unpack(header)
    if length > MAX_FRAME:
        raise Broken(f"a frame of {length} bytes")
    body = stream.read(length)
    if len(body) < length:
        raise Broken("the frame ends too early")
    try:
        return _Unpickler(io.BytesIO(body)).load()
    except Broken:
        raise
    except Exception as error:  # a child that read hostile mail may send anything
        raise Broken(str(error)) from error
