"""What the console ships: vendored files as noted, icons that exist, nothing inline, within the budget."""

import gzip
import hashlib
import re
from pathlib import Path

import pytest

from oversight.templatetags import console_tags

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
PAGES = [path for path in TEMPLATES if "emails" not in path.parts]


def zipped_size(*names: str) -> int:
    return sum(len(gzip.compress((STATIC / name).read_bytes(), 9)) for name in names)


@pytest.mark.parametrize("name", ["htmx-4.0.1.min.js", "hx-ws-4.0.1.min.js"])
def test_a_vendored_file_is_the_one_that_was_noted(name: str) -> None:
    digest = hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest()
    assert f"`{name}`" in (STATIC / "vendor/README.md").read_text()
    assert digest in (STATIC / "vendor/README.md").read_text()


def test_every_icon_that_is_asked_for_is_in_the_sprite() -> None:
    symbols = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))
    asked = {name for path in TEMPLATES for name in re.findall(r'{% icon "([^"]+)"', path.read_text())}
    asked |= {name for path in TEMPLATES for name in re.findall(r'icon_name="([^"]+)"', path.read_text())}
    for looks in (console_tags.STATUS_LOOKS, console_tags.RISK_LOOKS, console_tags.MODE_LOOKS):
        asked |= {look.icon for look in looks.values()}
    assert asked <= symbols


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_holds_nothing_inline(path: Path) -> None:
    markup = path.read_text()
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|hx-on|javascript:", markup)
    assert not re.search(r"<script(?![^>]*\ssrc=)", markup)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_names_what_it_needs_in_its_first_line(path: Path) -> None:
    assert path.read_text().startswith("{# ")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_posting_form_works_without_script(path: Path) -> None:
    forms = re.findall(r'<form[^>]*method="post".*?</form>', path.read_text(), re.DOTALL)
    for form in forms:
        assert "{% csrf_token %}" in form
        assert "submit" in form


def test_the_console_stays_within_its_budget() -> None:
    assert zipped_size("css/console.css") + zipped_size("css/manage.css") <= 14_000
    assert zipped_size("css/console.css") <= 12_000
    assert zipped_size("vendor/htmx-4.0.1.min.js", "vendor/hx-ws-4.0.1.min.js", "js/console.js") <= 25_000
