"""What the console's templates need to say times, states and untrusted text the same way everywhere."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from oversight.monitoring import MOST_COUNTED

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

register = template.Library()


class Look(NamedTuple):
    """How a state is told apart: a shape, a word and, last, a color."""

    icon: str
    word: "str | _StrPromise"
    css: str


STATUS_LOOKS: Final[dict[str, Look]] = {
    "open": Look("circle", _("Waiting"), "is-neutral"),
    "held": Look("circle", _("Waiting"), "is-neutral"),
    "approved": Look("check", _("Approved"), "is-ok"),
    "leaving": Look("hourglass", _("Leaving"), "is-info"),
    "accepted": Look("clock", _("Accepted"), "is-info"),
    "queued": Look("clock", _("Queued"), "is-info"),
    "waiting": Look("clock", _("Queued"), "is-info"),
    "scheduled": Look("clock", _("Scheduled"), "is-info"),
    "sending": Look("send", _("Sending"), "is-info"),
    "sent": Look("arrow-right", _("Sent"), "is-ok"),
    "delivered": Look("check-check", _("Delivered"), "is-ok"),
    "deferred": Look("diamond", _("Deferred"), "is-warn"),
    "returned": Look("reply", _("Changes asked"), "is-warn"),
    "unknown": Look("circle-help", _("Unknown"), "is-warn"),
    "rejected": Look("x", _("Rejected"), "is-danger"),
    "refused": Look("ban", _("Refused"), "is-danger"),
    "failed": Look("triangle-alert", _("Failed"), "is-danger"),
    "bounced": Look("triangle-alert", _("Bounced"), "is-danger"),
    "complained": Look("flag", _("Complaint"), "is-danger"),
    "stopped": Look("octagon-x", _("Stopped"), "is-solid"),
    "expired": Look("hourglass", _("Expired"), "is-neutral is-struck"),
    "cancelled": Look("ban", _("Cancelled"), "is-neutral"),
    "arrived": Look("inbox", _("Arrived"), "is-neutral"),
    "released": Look("inbox", _("Received"), "is-neutral"),
}

RISK_LOOKS: Final[dict[str, Look]] = {
    "high": Look("triangle-alert", _("High"), "is-danger"),
    "medium": Look("diamond", _("Medium"), "is-warn"),
    "low": Look("circle-dot", _("Low"), "is-neutral"),
}

MODE_LOOKS: Final[dict[str, Look]] = {
    "read_only": Look("ban", _("Read only"), "is-neutral"),
    "gated_all": Look("shield-check", _("Gate all"), "is-info"),
    "gated_send": Look("shield-check", _("Gate sends"), "is-info"),
    "monitored": Look("eye", _("Monitored"), "is-watch"),
    "autonomous": Look("bot", _("Autonomous"), "is-warn"),
}

# Characters that turn, hide or split text (Unicode TR 36): a reader must see that they are there.
HIDDEN_CHARACTERS: Final[dict[str, str]] = {
    "\u00ad": "SHY",
    "\u061c": "ALM",
    "\u180e": "MVS",
    "\u200b": "ZWSP",
    "\u200c": "ZWNJ",
    "\u200d": "ZWJ",
    "\u200e": "LRM",
    "\u200f": "RLM",
    "\u2028": "LS",
    "\u2029": "PS",
    "\u202a": "LRE",
    "\u202b": "RLE",
    "\u202c": "PDF",
    "\u202d": "LRO",
    "\u202e": "RLO",
    "\u2060": "WJ",
    "\u2066": "LRI",
    "\u2067": "RLI",
    "\u2068": "FSI",
    "\u2069": "PDI",
    "\ufeff": "BOM",
}

# The last range: tag characters, which spell words that nobody sees.
_HIDDEN = "".join(HIDDEN_CHARACTERS) + "\U000e0000-\U000e007f"
_INVISIBLE: Final = re.compile(f"[\x00-\x1f\x7f-\x9f{_HIDDEN}]")
_INVISIBLE_IN_LINES: Final = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_HIDDEN}]")

_UNITS: Final = (
    (86400, ngettext_lazy("in %(n)d day", "in %(n)d days", "n"), ngettext_lazy("%(n)d day ago", "%(n)d days ago", "n")),
    (
        3600,
        ngettext_lazy("in %(n)d hour", "in %(n)d hours", "n"),
        ngettext_lazy("%(n)d hour ago", "%(n)d hours ago", "n"),
    ),
    (
        60,
        ngettext_lazy("in %(n)d minute", "in %(n)d minutes", "n"),
        ngettext_lazy("%(n)d minute ago", "%(n)d minutes ago", "n"),
    ),
    (
        1,
        ngettext_lazy("in %(n)d second", "in %(n)d seconds", "n"),
        ngettext_lazy("%(n)d second ago", "%(n)d seconds ago", "n"),
    ),
)
_URGENT = timedelta(hours=1)


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """One symbol of our sprite, hidden from screen readers: a word always stands beside it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        css,
        static("icons.svg"),
        name,
    )


@register.simple_tag
def status_badge(state: str) -> SafeString:
    """The badge of a review, message or recipient state; a state we do not know is shown by its own word."""
    return _partial("_badge_status", STATUS_LOOKS.get(state, Look("circle", state, "is-neutral"))._asdict())


@register.simple_tag
def risk_badge(level: str) -> SafeString:
    """The badge of a risk level that a rule gave; of low none: nobody looked for a risk that no rule names."""
    if level in ("", "low"):
        return SafeString("")
    return _partial("_badge_risk", RISK_LOOKS.get(level, Look("diamond", level, "is-warn"))._asdict())


@register.simple_tag
def risk_icon(level: str) -> SafeString:
    """The shape alone, for the left edge of a row whose badge carries the word."""
    return icon(RISK_LOOKS.get(level, Look("diamond", level, "is-warn")).icon)


@register.simple_tag
def mode_chip(mode: str) -> SafeString:
    """The chip of an oversight mode."""
    return _partial("_chip_mode", MODE_LOOKS.get(mode, Look("circle", mode, "is-neutral"))._asdict())


@register.simple_tag(takes_context=True)
def when(context: Context, value: datetime, style: str = "words") -> SafeString:
    """A moment: `words` ("2 hours ago"), `clock` ("15:40") or `full` (date and time)."""
    text = _styled(value, style=style, now=_now(context))
    return _partial("_time", {"value": value, "text": text, "live": style == "words"})


@register.simple_tag(takes_context=True)
def countdown(context: Context, value: datetime, verb: str = "expires", refresh: str = "") -> SafeString:
    """The time left in words and on the clock; the script refetches the element `refresh` at zero."""
    now = _now(context)
    shown = {
        "value": value,
        "text": words(value, now),
        "clock": clock(value, now),
        "verb": verb,
        "refresh": refresh,
        "is_over": value <= now,
        "is_urgent": now < value <= now + _URGENT,
    }
    return _partial("_countdown", shown)


@register.filter
def visible(text: object) -> SafeString:
    """Untrusted one-line text, escaped, with every turning or invisible character shown as a mark."""
    return mark_safe(_INVISIBLE.sub(_mark, escape(str(text or ""))))  # noqa: S308 - escaped before it was marked


@register.filter
def plain(text: object) -> str:
    """Untrusted text where no mark can stand (an option): every turning or invisible character by its name."""
    return _INVISIBLE.sub(lambda found: f"[{_name(found.group())}]", str(text or ""))


@register.filter
def visible_lines(text: object) -> SafeString:
    """Untrusted text of several lines: line ends and tabs stay, what else is invisible becomes a mark."""
    plain = escape(str(text or "").replace("\r\n", "\n"))
    return mark_safe(_INVISIBLE_IN_LINES.sub(_mark, plain))  # noqa: S308 - escaped before it was marked


@register.filter
def initials(name: str) -> str:
    """At most two letters for a person, from "Rhea Park" or from an address."""
    pieces = name.split("@")[0].replace(".", " ").replace("_", " ").split()
    return "".join(piece[0] for piece in pieces[:2]).upper() or "?"


@register.filter
def tally(number: int, most: int = MOST_COUNTED) -> str:
    """A count with separators; beyond `most` only that it is more."""
    shown = formats.number_format(min(number, most), use_l10n=True, force_grouping=True)
    return f"{shown}+" if number > most else shown


def words(value: datetime, now: datetime) -> str:
    """How far `value` lies from `now`, in its largest whole unit."""
    seconds = int((value - now).total_seconds())
    size, later, earlier = next((unit for unit in _UNITS if abs(seconds) >= unit[0]), _UNITS[-1])
    amount = abs(seconds) // size
    return str((later if seconds > 0 else earlier) % {"n": amount})


def clock(value: datetime, now: datetime) -> str:
    """The local time, with the date when it is another day."""
    local = timezone.localtime(value)
    same_day = local.date() == timezone.localtime(now).date()
    return formats.date_format(local, "H:i" if same_day else "j M, H:i")


def _partial(name: str, shown: dict[str, Any]) -> SafeString:
    """Without the file's last newline, which would stand as a space before a comma."""
    return mark_safe(render_to_string(f"partials/{name}.html", shown).strip())  # noqa: S308 - the engine escaped it


def _styled(value: datetime, *, style: str, now: datetime) -> str:
    if style == "clock":
        return formats.date_format(timezone.localtime(value), "H:i:s")
    if style == "full":
        return formats.date_format(timezone.localtime(value), "j M Y, H:i")
    return words(value, now)


def _now(context: Context) -> datetime:
    """The view's reading of the clock, so that one page speaks of one moment."""
    given = context.get("now")
    return given if isinstance(given, datetime) else timezone.now()


def _mark(found: re.Match[str]) -> str:
    return format_html('<span class="mark">{}</span>', _name(found.group()))


def _name(character: str) -> str:
    return HIDDEN_CHARACTERS.get(character) or f"U+{ord(character):04X}"
