"""A message read for people: the frame's document, the tabs, the files, what looks wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse

from messaging.inbound import parser_process
from messaging.mime import attachments, structure
from messaging.mime.parse import attachment_content, parse
from messaging.mime.types import Parsed, ParsedAttachment
from messaging.models import Attachment, Direction, Message, RawMessage

from . import links, mail_frame, suspicions
from .cards import File, Signal
from .links import Link
from .mail_frame import Document, Image, Mail

SOURCE_SHOWN = 256 * 1024
TABS = ("mail", "text", "links", "headers", "source")


@dataclass
class Reading:
    """One message, read as far as somebody asks. `raw` are the exact bytes that would leave, left, or arrived."""

    message: Message
    raw: bytes
    link_url: Callable[[int], str]

    @cached_property
    def parsed(self) -> Parsed:
        return parse(self.raw)

    @cached_property
    def mail(self) -> Mail:
        """Sent mail is read from the sealed bytes, part by part and whole: nothing made up, nothing left out.

        Received mail was read by the confined parser when it came.
        """
        if self.message.direction == Direction.INBOUND:
            return Mail(text=self.message.body_text, html=self.message.body_html)
        found = structure.read(self.raw)
        bodies = [part for part in found.leaves if attachments.is_body(part)]
        texts = [found.text(part) for part in bodies if part.content_type != "text/html"]
        htmls = [found.text(part) for part in bodies if part.content_type == "text/html"]
        images = {
            part.content_id: Image(part.content_type, attachment_content(self.raw, part.index))
            for part in self.parsed.attachments
            if part.content_id and part.content_type in mail_frame.RASTER
        }
        return Mail(text="\n\n".join(texts), html="\n".join(htmls) if htmls else None, images=images)

    @cached_property
    def document(self) -> Document:
        return mail_frame.document(self.mail, link_url=self.link_url)

    @cached_property
    def links(self) -> list[Link]:
        return links.examine(self.document.anchors)

    @property
    def source(self) -> str:
        return self.raw[:SOURCE_SHOWN].decode("utf-8", "replace")

    @property
    def text(self) -> str:
        return self.mail.text[:SOURCE_SHOWN]

    def headers(self) -> list[tuple[str, str]]:
        if self.message.direction == Direction.INBOUND:
            return [(name, str(value)) for name, value in self.message.headers.items()]
        return list(self.parsed.headers)

    @cached_property
    def files(self) -> list[File]:
        return [
            File(found.filename, found.size_bytes, found.content_type, _file_url(self.message, index))
            for index, found in self._files().items()
        ]

    def file(self, index: int) -> tuple[File, bytes] | None:
        """One file with its content: of what is sent the one under the seal. A hostile mail is read by the confined
        parser. None when there is no such file, or it can't be had."""
        found = self._files().get(index)
        is_inbound = self.message.direction == Direction.INBOUND
        read = parser_process.attachment_content if is_inbound else attachment_content
        content = read(self.raw, index) if found else None
        if found is None or content is None:
            return None
        return File(found.filename, found.size_bytes, found.content_type), content

    def _files(self) -> dict[int, Attachment | ParsedAttachment]:
        """The files by the place of their part in the mail."""
        if self.message.direction == Direction.INBOUND:
            rows = self.message.attachments.order_by("part_index")
            return {row.part_index: row for row in rows if row.part_index is not None}
        return {part.index: part for part in self.parsed.attachments}

    def signals(self) -> list[Signal]:
        names = [self.message.subject, self.message.from_name, *(file.name for file in self.files)]
        found = suspicions.find(self.mail, names=names, links=self.links, is_cut=self.document.is_cut)
        return suspicions.of_arrival(self.message.sender_checks, self.message.defects) + found


def _file_url(message: Message, index: int) -> str:
    return reverse("console:message_file", args=[message.pk, index])


def of(message: Message, raw: bytes | memoryview | None, *, link_url: Callable[[int], str]) -> Reading:
    """The reading of a message; `raw` None looks the received bytes up."""
    if raw is None:
        raw = RawMessage.objects.filter(message=message).values_list("raw", flat=True).first() or b""
    return Reading(message=message, raw=bytes(raw), link_url=link_url)
