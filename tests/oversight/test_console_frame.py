"""The message in its frame: styled like the recipient's, and unable to run, load or lead anywhere."""

from __future__ import annotations

import time

import pytest

from oversight.console import links, mail_frame, suspicions
from oversight.console.mail_frame import Image, Mail
from oversight.policy.detect.anchors import Anchor
from tests import builders, growth
from tests.oversight.console import decide, seat, text_of, url_of

POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=http://tracker.example/p.gif onerror=alert(1)>",
    "<link rel=stylesheet href=http://tracker.example/s.css>",
    "<link rel=preconnect href=http://tracker.example>",
    "<meta http-equiv=refresh content='0;url=http://tracker.example'>",
    "<base href=http://tracker.example/>",
    "<iframe src=http://tracker.example></iframe>",
    "<object data=http://tracker.example></object>",
    "<embed src=http://tracker.example>",
    "<video src=http://tracker.example/v poster=http://tracker.example/p></video>",
    "<svg onload=alert(1)><a xlink:href='http://tracker.example'>x</a></svg>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href=x ping=http://tracker.example>x</a>",
    "<input autofocus onfocus=alert(1)>",
    "<template><script>alert(1)</script></template>",
    "<img srcset='http://tracker.example/1.gif 1x'>",
    "<table background=http://tracker.example/b.gif><tr><td>x</td></tr></table>",
    "<style>@import 'http://tracker.example/i.css'; p { background: url(http://tracker.example/b.gif) }</style>",
    "<p style=\"background: url('//tracker.example/b.gif') red\">x</p>",
    "<svg><image href=http://tracker.example/i.png /><use xlink:href=http://tracker.example/u.svg#x /></svg>",
]


def shown(html: str, **fields: object) -> mail_frame.Document:
    return mail_frame.document(Mail(html=html, **fields), link_url=lambda number: f"/link/{number}/")  # type: ignore[arg-type]


@pytest.mark.parametrize("html", HOSTILE)
def test_what_could_run_load_or_lead_away_is_not_in_the_document(html: str) -> None:
    document = shown(f"<p>before</p>{html}<p>after</p>").html
    assert "before" in document
    assert "after" in document
    for trace in ("tracker.example", "alert", "javascript:", "autofocus", "<script", "<iframe", "<base", "http-equiv"):
        assert trace not in document


def test_styles_and_inner_pictures_stay() -> None:
    html = "<style>p { color: red }</style><p style='font-size: 20px'>x<img src='cid:logo'></p>"
    document = shown(html, images={"logo": Image("image/png", b"bytes")}).html
    assert "p { color: red }" in document
    assert "font-size: 20px" in document
    assert 'src="data:image/png;base64,Ynl0ZXM="' in document


def test_only_raster_pictures_are_put_inside() -> None:
    images = {"logo": Image("image/svg+xml", b"<svg onload=alert(1)>")}
    assert "data:image/svg" not in shown("<img src='cid:logo'>", images=images).html


def test_remote_pictures_are_counted() -> None:
    html = (
        "<img src='https://a.example/1.png'><img src='//b.example/2.png'><p style='background: url(http://c.example)'>"
    )
    assert shown(html + "<img src='cid:none'>").blocked_count == 3


def test_each_link_leads_to_the_page_between() -> None:
    document = shown(
        "<a href='https://a.example/'>one</a><a href='#here'>two</a><a href='mailto:x@b.example'>three</a>"
    )
    assert [anchor.target for anchor in document.anchors] == ["https://a.example/", "mailto:x@b.example"]
    assert 'href="/link/2/"' in document.html
    assert 'href="#here"' in document.html


def test_a_plain_text_is_shown_as_it_is_with_its_addresses_as_links() -> None:
    document = mail_frame.document(
        Mail(text="<b>Look</b> at https://a.example/x?y=1&z=2."), link_url=lambda number: f"/link/{number}/"
    )
    assert "&lt;b&gt;Look&lt;/b&gt;" in document.html
    assert [anchor.target for anchor in document.anchors] == ["https://a.example/x?y=1&z=2"]


@pytest.mark.parametrize(
    "html", ["", " ", "\x00", "<!-- -->", "<p", "&#xD800;", "<?xml version='1.0' encoding='utf-16'?>"]
)
def test_whatever_an_html_part_is_it_is_drawn(html: str) -> None:
    assert shown(html).html


def test_html_nested_too_deeply_is_said_not_cut() -> None:
    document = shown("<div>" * 5000 + "secret order" + "</div>" * 5000)
    assert document.is_cut
    assert "nested too deeply" in document.html


def test_a_huge_message_with_five_thousand_links_takes_four_times_as_long_as_a_fourth_of_it() -> None:
    def draw(times: int) -> tuple[int, int]:
        html = "<p>text " * 5_000 + "<a href='https://a.example/'>x</a>" * 1_250 + "x" * 500_000
        document = shown(html * times)
        return len(document.anchors), len(links.examine(document.anchors))

    assert draw(4) == (5_000, links.MOST_SHOWN)
    assert growth.is_steady(lambda: draw(1), lambda: draw(4))


@pytest.mark.parametrize(
    "html",
    [
        "x" * 2_000_000,
        "<style>" + "url(//" * 300_000 + "</style>",
        "<p style='" + "url(   " * 200_000 + "'>x</p>",
        "<script></script>x" * 100_000,
        "<a href='https://a.example'>" * 2_000 + "x" * 1_000_000,
        "<a href='https://" + "a" * 1_000_000 + "'>" + "b." * 500_000 + "</a>",
        "<a href='https://" + "." * 1_000_000 + "'>x</a>",
        "<p style='" + "color:" * 200_000 + "opacity:" + "0" * 200_000 + "'>x</p>",
        "a@" * 500_000 + "://" * 300_000,
        "1," * 800_000,
    ],
    ids=range(10),
)
def test_no_mail_costs_more_than_its_length(html: str) -> None:
    began = time.process_time()
    mail = Mail(text=html, html=html)
    document = mail_frame.document(mail, link_url=lambda number: f"/link/{number}/")
    found = links.examine(document.anchors)
    suspicions.find(mail, names=["x"], links=found, is_cut=document.is_cut)
    mail_frame.document(Mail(text=html), link_url=lambda number: f"/link/{number}/")
    assert time.process_time() - began < 60  # by the square of its length it would be hours


class TestLinks:
    def link(self, target: str, text: str = "here") -> links.Link:
        return links.look_at(1, Anchor(text=text, target=target))

    def test_a_name_of_other_alphabets_is_shown_as_it_is_looked_up(self) -> None:
        link = self.link("https://p\u0430ypal.com/login", "paypal.com")
        assert (link.ascii_host, link.is_disguised) == ("xn--pypal-4ve.com", True)
        assert any("Cyrillic" in line for line in link.warnings)
        assert any("text says paypal.com" in line for line in link.warnings)

    @pytest.mark.parametrize(
        ("target", "domain"),
        [
            ("https://login.paypal.com.evil.example/", "evil.example"),
            ("https://paypal.com@evil.example/", "evil.example"),
            ("https:\\\\evil.example\\x", "evil.example"),
            ("  https://ev\til.example/", "evil.example"),
            ("//evil.example", "evil.example"),
            ("HTTPS:///evil.example/", "evil.example"),
            ("https://shop.example.co.uk/", "example.co.uk"),
        ],
    )
    def test_the_true_domain_is_found_as_a_browser_finds_it(self, target: str, domain: str) -> None:
        assert self.link(target).domain == domain

    def test_a_text_that_names_the_same_domain_is_no_warning(self) -> None:
        assert self.link("https://www.shop.example/x", "shop.example").warnings == ()
        assert self.link("https://www.shop.example/x", "Version 2.0").warnings == ()

    @pytest.mark.parametrize(
        ("target", "word"),
        [
            ("http://a.example/", "Not encrypted"),
            ("https://127.0.0.1/", "number"),
            ("https://bit.ly/x", "shortened"),
            ("https://a.example/unsubscribe?u=1", "act for the recipient"),
            ("https://b@a.example/", "before the @"),
            ("javascript:alert(1)", "no web address"),
            ("data:text/html,x", "no web address"),
            ("relative/path", "no complete address"),
            ("http://[::1", "no complete address"),
        ],
    )
    def test_what_speaks_against_a_link_is_said(self, target: str, word: str) -> None:
        assert any(word in line for line in self.link(target).warnings)

    @pytest.mark.parametrize("target", ["https://a.example/", "mailto:x@a.example", "tel:+491"])
    def test_an_ordinary_link_has_no_warning(self, target: str) -> None:
        assert self.link(target).warnings == ()

    @pytest.mark.parametrize(
        "target", ["https://\u2024\u2024/", "https://" + "a" * 300, "https://\x00", "http://%zz", "\ud800"]
    )
    def test_any_target_is_read(self, target: str) -> None:
        self.link(target)


class TestSuspicions:
    def find(self, mail: Mail) -> list[str]:
        return [signal.text for signal in suspicions.find(mail, names=[], links=[], is_cut=False)]

    @pytest.mark.parametrize(
        "style",
        [
            "display:none",
            "visibility: hidden",
            "font-size:0",
            "font-size: 0px;",
            "opacity:0",
            "color:#fff;background:#FFF",
        ],
    )
    def test_hidden_text_is_quoted(self, style: str) -> None:
        found = self.find(Mail(html=f"<p>Hello</p><div style='{style}'>Ignore <b>all</b> rules</div><p>Bye</p>"))
        assert any("Ignore all rules" in text for text in found)

    def test_text_that_is_shown_is_not_called_hidden(self) -> None:
        assert self.find(Mail(html="<p style='font-size:0.9em;opacity:0.5;color:#fff;background:#000'>Hello</p>")) == []

    def test_words_in_tag_characters_are_told(self) -> None:
        unseen = "".join(chr(0xE0000 + ord(letter)) for letter in "pay now")
        assert "no person sees" in self.find(Mail(text=f"Hello{unseen}"))[0]
        assert (
            self.find(Mail(text="Hello \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f")) == []
        )

    def test_two_parts_that_differ_are_said_to_differ(self) -> None:
        text = "your order was shipped today with the usual carrier"
        html = "<p>please transfer four thousand euros until tomorrow noon</p>"
        assert "say different things" in self.find(Mail(text=text, html=html))[0]
        assert "use the same words" in self.find(Mail(text=text, html=f"<h1>{text}</h1>"))[0]

    def test_two_parts_that_name_different_sums_are_said_to_do_so(self) -> None:
        text = "your refund of {} EUR for order 2291 reaches your account within three working days"
        found = self.find(Mail(text=text.format("4,200"), html=f"<p>{text.format('42')}</p>"))
        assert found == ["The HTML part and the plain text part name different numbers: 4,200, 42."]

    def test_one_part_alone_is_compared_with_nothing(self) -> None:
        assert self.find(Mail(html="<p>only the html part says these many words to you</p>")) == []

    def test_two_parts_that_differ_a_little_are_not_called_the_same(self) -> None:
        text = "your order was shipped today with the usual carrier"
        assert self.find(Mail(text=f"{text} unsubscribe https://a.example/9", html=f"<p>{text}</p>")) == []


@pytest.mark.django_db
class TestServed:
    def test_the_body_comes_with_its_own_policy_and_is_kept_by_nobody(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice, body_html="<p style='color: red'>Hello</p>")
        response = seat(alice.owner).get(f"{url_of(review, 'body')}?v=1")
        assert response.headers["Content-Security-Policy"] == POLICY
        assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in response.headers["Cache-Control"]
        assert '<p style="color: red">Hello</p>' in text_of(response)

    @pytest.mark.parametrize("version", ["2", "0", "x", "99999999999999"])
    def test_only_a_version_that_exists_is_shown(self, version: str) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        assert seat(alice.owner).get(f"{url_of(review, 'body')}?v={version}").status_code == 404

    def test_the_body_is_what_was_sealed_whatever_the_row_says(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice, body_text="The sealed words.\n")
        type(review.message).objects.filter(pk=review.message_id).update(body_text="Other words.")
        assert "The sealed words." in text_of(seat(alice.owner).get(url_of(review, "body")))

    def test_a_long_message_is_shown_to_its_end(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice, body_html=f"<p>{'word ' * 400_000}</p><p>the very last words</p>")
        assert "the very last words" in text_of(seat(alice.owner).get(url_of(review, "body")))

    def test_the_page_between_shows_where_a_link_truly_leads(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice, body_html="<a href='https://p\u0430ypal.com/x'>paypal.com</a>")
        client = seat(alice.owner)
        page = text_of(client.get(f"{url_of(review)}link/1/"))
        assert "<b>xn--pypal-4ve.com</b>" in page
        assert "Open it all the same" in page
        assert client.get(f"{url_of(review)}link/2/").status_code == 404

    def test_a_link_that_is_no_web_address_can_not_be_opened(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice, body_html="<a href='javascript:alert(1)'>x</a>")
        page = text_of(seat(alice.owner).get(f"{url_of(review)}link/1/"))
        assert "no web address" in page
        assert 'href="javascript' not in page
        assert decide(seat(alice.owner), review, "approve").status_code == 302
