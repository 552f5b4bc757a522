"""What a reader of a message could miss: hidden words, turning marks, two parts that say different things."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lxml import etree

from messaging.mime.characters import strip_tags
from oversight.policy.detect.anchors import tree
from oversight.templatetags.console_tags import HIDDEN_CHARACTERS

from .cards import Signal
from .links import Link
from .mail_frame import GONE, Mail

HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:px|pt|em|rem|%)?\s*(?:;|!|$)"
    r"|opacity\s*:\s*0?\.?0+\s*(?:;|!|$)|max-height\s*:\s*0(?:px)?\s*(?:;|!|$)|text-indent\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
COLOR = re.compile(r"(?:^|;)\s*color\s*:\s*([^;!]+)", re.IGNORECASE)
BACKGROUND = re.compile(r"(?:^|;)\s*background(?:-color)?\s*:\s*([^;!]+)", re.IGNORECASE)
TURNING = frozenset("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
INVISIBLE = frozenset(HIDDEN_CHARACTERS) - TURNING - frozenset("\u200d\u200c\u00ad\ufeff")
WORD = re.compile(r"\w{3,}")
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
ENOUGH_WORDS = 8
SAME = 0.5
QUOTED = 140
UNSEEN = frozenset({*GONE, "style", "head", "title"})


def find(mail: Mail, *, names: Sequence[str], links: Sequence[Link], is_cut: bool) -> list[Signal]:
    """The signals of a message, gravest first. `names` are subject, display names and file names."""
    signals = _in_names(names) + _tags("".join([*names, mail.text, mail.html or ""]))
    if is_cut:
        signals.append(Signal("high", "The HTML part is nested too deeply to be shown; read the source."))
    root = tree(mail.html) if mail.html and not is_cut else None
    if root is not None:
        shown, hidden = split_text(root)
        signals += _hidden(hidden) + _difference(mail.text, shown)
    elif mail.text:
        signals += _in_body(mail.text)
    signals += _in_links(links)
    return sorted(signals, key=lambda signal: ("high", "medium", "low").index(signal.level))


def split_text(root: etree._Element) -> tuple[str, str]:
    """The words that a reader sees, and those that the mail hides by its own inline styles."""
    shown: list[str] = []
    hidden: list[str] = []
    places: list[list[str]] = [shown]
    for event, element in etree.iterwalk(root, events=("start", "end")):  # no recursion: trees may be deep
        if event == "start":
            places.append(_place(element, places[-1], hidden))
            places[-1].append(element.text or "")
        else:
            places.pop()
            places[-1].append(element.tail or "")
    return " ".join(" ".join(shown).split()), " ".join(" ".join(hidden).split())


def _place(element: etree._Element, around: list[str], hidden: list[str]) -> list[str]:
    if element.tag in UNSEEN:
        return []
    return hidden if _hides(element) else around


def _hides(element: etree._Element) -> bool:
    style = str(element.get("style") or "")
    if "hidden" in element.attrib or HIDING.search(style):
        return True
    color, background = COLOR.search(style), BACKGROUND.search(style)
    return bool(color and background and color.group(1).strip().lower() == background.group(1).strip().lower())


def _in_names(names: Sequence[str]) -> list[Signal]:
    text = "".join(names)
    if TURNING & set(text):
        return [Signal("high", "Subject, a name or a file name has marks that turn the direction of the text.")]
    if INVISIBLE & set(text):
        return [Signal("medium", "Subject, a name or a file name has invisible characters.")]
    return []


def _tags(text: str) -> list[Signal]:
    if not strip_tags(text)[1]:
        return []
    return [Signal("high", "The message has tag characters: words that no person sees and a machine reads.")]


def _in_body(text: str) -> list[Signal]:
    if TURNING & set(text):
        return [Signal("medium", "The text has marks that turn its direction; the source shows it in order.")]
    return []


def _hidden(hidden: str) -> list[Signal]:
    if not WORD.search(hidden):
        return []
    words = hidden if len(hidden) <= QUOTED else f"{hidden[:QUOTED]}…"
    return [Signal("medium", f"The recipient will not see this hidden text: “{words}”")]


def _difference(text: str, shown: str) -> list[Signal]:
    """Compares the words and the numbers that the two parts use; layout and links do not count."""
    text, shown = _without_addresses(text), _without_addresses(shown)
    plain = {word.casefold() for word in WORD.findall(text)}
    rich = {word.casefold() for word in WORD.findall(shown)}
    if not plain or len(plain | rich) < ENOUGH_WORDS:
        return []
    if len(plain & rich) / min(len(plain), len(rich) or 1) < SAME:
        return [Signal("medium", "The HTML part and the plain text part say different things.")]
    numbers = set(NUMBER.findall(text)) ^ set(NUMBER.findall(shown))
    if numbers:
        named = ", ".join(sorted(numbers)[:4])
        return [Signal("medium", f"The HTML part and the plain text part name different numbers: {named}.")]
    if plain == rich:
        return [Signal("low", "HTML and plain text use the same words.")]
    return []


def _without_addresses(text: str) -> str:
    return " ".join(piece for piece in text.split() if "://" not in piece and "@" not in piece)


def _in_links(links: Sequence[Link]) -> list[Signal]:
    signals = []
    for link in links:
        false = [line for line in link.warnings if line.startswith(("The text says", "The name has", "What stands"))]
        signals += [Signal("high", f"Link {link.number}: {line}") for line in false]
    return signals[:5]
