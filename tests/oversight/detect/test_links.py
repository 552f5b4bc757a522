"""Where links lead: what pretends, what differs, what hides; and links that are just links."""

from __future__ import annotations

import pytest

from oversight.policy.detect import links
from oversight.policy.detect.links import Known
from oversight.policy.detect.look_alikes import skeleton
from oversight.policy.detect.material import Material
from oversight.policy.types import LINK_PROBLEMS, Link

KNOWN = Known(own=frozenset({"gatepost.example"}), recipients=frozenset({"northwind.com", "mail.friends.example"}))


def problems(material: Material | str) -> dict[str, tuple[str, ...]]:
    found = links.find(Material(text=material) if isinstance(material, str) else material, KNOWN)
    assert all(problem in LINK_PROBLEMS for link in found for problem in link.problems)
    return {link.host: link.problems for link in found}


@pytest.mark.parametrize(
    ("text", "host", "expected"),
    [
        ("https://paypa1.com/login", "paypa1.com", ("look_alike",)),
        ("https://rnicrosoft.com", "rnicrosoft.com", ("look_alike",)),
        ("https://northvvind.com", "northvvind.com", ("look_alike",)),
        ("https://www.nоrthwind.com", "www.xn--nrthwind-nbh.com", ("look_alike", "mixed_script")),  # noqa: RUF001
        ("https://xn--pple-43d.com", "xn--pple-43d.com", ("look_alike", "mixed_script")),
        ("https://paypal.com.evil.example", "paypal.com.evil.example", ("look_alike",)),
        ("https://northwind.com.secure.evil.example/x", "northwind.com.secure.evil.example", ("look_alike",)),
        ("https://gatep0st.example", "gatep0st.example", ("look_alike",)),
        ("https://сосо.com", "xn--n1aahb.com", ("mixed_script",)),  # noqa: RUF001
        ("https://paypal.com@evil.example", "evil.example", ("text_differs",)),
        ("http://2130706433/", "2130706433", ("ip_address", "not_https")),
        ("https://0x7f.1/", "0x7f.1", ("ip_address",)),
        ("https://[::1]/", "::1", ("ip_address",)),
        ("https://bit.ly/3abc", "bit.ly", ("shortener",)),
        ("http://friends.example", "friends.example", ("not_https",)),
        ("go to rnicrosoft.com now", "rnicrosoft.com", ("look_alike",)),
        ("www.arnazon.com", "www.arnazon.com", ("look_alike",)),
        ("https://evil.example/?d=c2VjcmV0", "evil.example", ()),
        ("https://paypal.com/x", "paypal.com", ()),
        ("https://login.northwind.com/x", "login.northwind.com", ()),
        ("https://northwind.example", "northwind.example", ()),
        ("https://münchen.de/", "xn--mnchen-3ya.de", ()),
        ("https://россия.рф/", "xn--h1alffa9f.xn--p1ai", ()),
        ("https://日本語.jp/", "xn--wgv71a119e.jp", ()),
    ],
)
def test_what_speaks_against_a_link_is_told(text: str, host: str, expected: tuple[str, ...]) -> None:
    assert problems(text) == {host: expected}


@pytest.mark.parametrize("text", ["invoice.pdf and main.py, e.g. this. Bye", "mailto:kim@friends.example", "a.b.c 1.2"])
def test_what_is_no_link_to_the_web_is_none(text: str) -> None:
    assert problems(text) == {}


def test_a_text_that_names_another_place_differs() -> None:
    html = '<a href="https://evil.example/x">https://paypal.com/login</a>'
    assert problems(Material(html=html))["evil.example"] == ("text_differs",)
    assert problems(Material(html='<a href="https://evil.example">invoice.pdf</a>')) == {"evil.example": ()}


def test_areas_forms_and_schemes_left_out_lead_somewhere_too() -> None:
    html = (
        '<form action="http://one.example"></form><area href="//two.example"><a href="ht\ntps:\\\\three.example">x</a>'
    )
    assert set(problems(Material(html=html))) == {"one.example", "two.example", "three.example"}


def test_a_recipient_that_looks_like_a_brand_makes_its_links_no_better() -> None:
    known = Known(recipients=frozenset({"paypa1.com"}))
    (link,) = links.find(Material(text="https://paypa1.com"), known)
    assert link.problems == ("look_alike",)


def test_links_with_problems_come_first_and_no_more_than_a_page_of_them() -> None:
    text = " ".join(f"https://h{number}.example" for number in range(300)) + " http://last.example"
    found = links.find(Material(text=text))
    assert (len(found), found[0]) == (links.MOST_TOLD, Link("http://last.example", "last.example", ("not_https",)))


@pytest.mark.parametrize(
    ("one", "other"),
    [("paypal", "раураl"), ("google", "g00gle"), ("modern", "rnodern"), ("apple", "аррӏе")],  # noqa: RUF001
)
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)
    assert skeleton(one) != skeleton(one + "s")
