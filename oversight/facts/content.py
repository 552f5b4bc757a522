"""What a message's words and files say, by the policy's detectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from messaging.models import Message
from oversight.policy.detect import amounts, links, secrets
from oversight.policy.detect.links import Known
from oversight.policy.detect.material import FileContent, Material, is_longer, visible

OF_TEXT = frozenset({"text", "amounts"})


def material_of(message: Message, files: Sequence[FileContent]) -> Material:
    """All that would leave with the message."""
    return Material(
        subject=message.subject,
        text=message.body_text,
        html=message.body_html,
        headers=tuple(f"{name}: {value}" for name, value in message.headers.items()),
        files=tuple(files),
    )


def look(material: Material, known: Known, *, needs: frozenset[str]) -> Mapping[str, Any]:
    """Those fields of Facts that the words answer, of `needs`; and our own keys, asked for or not."""
    found: dict[str, Any] = {"is_cut": is_longer(material) or ("links" in needs and links.is_more(material))}
    found["secrets"] = secrets.find(material) if "secrets" in needs else secrets.own_keys(material)
    if OF_TEXT & needs:
        text = visible(material)
        found |= {"text": text} if "text" in needs else {}
        found |= {"amounts": amounts.find(text)} if "amounts" in needs else {}
    if "links" in needs:
        found["links"] = links.find(material, known)
    return found
