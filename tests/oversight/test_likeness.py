"""Which mails say the same, and which of them a reviewer must see."""

from __future__ import annotations

from typing import Any

import pytest

from oversight.policy import likeness
from oversight.policy.likeness import Letter, Likeness
from tests import growth

BODY = (
    "Hello {name},\n\nyour order {order} of {amount} EUR is ready. See https://shop.example/orders "
    "or write to help@shop.example.\n"
)


def letter(to: str = "kim@friends.example", *, name: str = "Kim", order: str = "1188", **other: Any) -> Likeness:
    amount = other.pop("amount", "42.50")
    text = other.pop("text", BODY).format(name=name, order=order, amount=amount)
    asked: dict[str, Any] = {"place": ("agent", "box", "gated_send"), "subject": f"Order {order}", "text": text}
    return likeness.of(Letter(**(asked | {"recipients": ((to,), (), ())} | other)))


def test_names_numbers_and_own_addresses_make_no_difference() -> None:
    one = letter()
    other = letter("lee.young@corp.example", name="Lee Young", order="2", amount="1,042.50")
    assert one.fingerprint == other.fingerprint
    assert one.blanks == ("1188", "Kim", "1188", "42.50")
    assert other.blanks == ("2", "Lee Young", "2", "1,042.50")


def test_the_own_address_in_the_text_and_in_a_link_is_one_that_stays_out_of_it() -> None:
    text = "To {name}: this went to %s. Order {order}, {amount}."
    one = letter("kim@friends.example", text=text % "kim@friends.example")
    two = letter("lee@friends.example", name="Lee", text=text % "lee@friends.example")
    three = letter("lee@friends.example", name="Lee", text=text % "kim@friends.example")
    assert one.fingerprint == two.fingerprint != three.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        letter(text=BODY.replace("https://shop.example", "https://sh0p.example")),
        letter(text=BODY.replace("/orders", "/0rders")),
        letter(text=BODY.replace("/orders", "/orders/2")),
        letter(text=BODY.replace("help@shop.example", "help@shop.example.evil.example")),
        letter(text=BODY.replace("help@", "he1p@")),
        letter(text=BODY.replace("is ready", "is r\u0435ady")),  # a Cyrillic letter
        letter(text=BODY.replace("is ready", "is\u200b ready")),
        letter(text=BODY.replace("EUR", "USD")),
        letter(text=BODY + "PS: pay to the new account."),
        letter("kim@fri\u0435nds.example"),
        letter("kim@xn--frinds-z8a.example"),
        letter("kim@fr1ends.example"),
        letter(reply_to="kim@evil.example"),
        letter(html="<p>Hello</p>"),
        letter(files=("0" * 64,)),
        letter(headers=(("X-Order", "1"),)),
        letter(place=("agent", "box", "amount")),
        letter(place=("other agent", "box", "gated_send")),
        letter(recipients=(("kim@friends.example",), (), ("lee@friends.example",))),
        letter(recipients=(("kim@friends.example", "lee@friends.example"), (), ())),
    ],
    ids=range(20),
)
def test_whatever_else_differs_leaves_the_group(other: Likeness) -> None:
    assert letter().fingerprint != other.fingerprint


@pytest.mark.parametrize("text", ["1 " * 51, "x" * 50_001, "9" * 81], ids=["many numbers", "long", "a long number"])
def test_a_mail_whose_blanks_nobody_could_overlook_is_like_no_other(text: str) -> None:
    assert letter(text=text) == Likeness("", ())


def test_an_account_number_that_differs_from_most_makes_an_outlier() -> None:
    text = "Pay {amount} to DE89 3704 0044 0532 0130 {order}."
    blanks = {n: letter(f"k{n}@a.example", order="00", amount=str(10 + n), text=text).blanks for n in range(9)}
    blanks[9] = letter("kim@a.example", order="99", amount="15", text=text).blanks
    assert set(likeness.outliers(blanks, {n: ["x@a.example"] for n in blanks})) == {9}


def test_an_amount_far_above_the_usual_makes_an_outlier() -> None:
    blanks = {n: letter(order=str(n), amount=f"{n + 40}.00").blanks for n in range(9)}
    blanks[9] = letter(order="9", amount="42,000.00").blanks
    found = likeness.outliers(blanks, {n: ["x@a.example"] for n in blanks})
    assert set(found) == {9}
    assert "42,000.00" in found[9]


def test_a_recipient_elsewhere_than_most_makes_an_outlier() -> None:
    recipients = {n: ["kim@acme.example"] for n in range(9)} | {9: ["kim@gmail.example"]}
    assert set(likeness.outliers(dict.fromkeys(recipients, ()), recipients)) == {9}


@pytest.mark.parametrize("host", ["acrne.example", "acme-.example", "aclme.example"])
def test_a_host_that_looks_like_another_of_the_group_is_found(host: str) -> None:
    recipients = {n: ["kim@acme.example", "lee@adme.example"] for n in range(9)} | {9: [f"kim@{host}"]}
    assert set(likeness.look_alikes(recipients)) == {9}


def test_as_many_samples_are_needed_as_the_console_says() -> None:
    asked = (0, 1, 2, 3, 9, 10, 14, 50, 99, 100, 101, 200)
    assert [likeness.samples_needed(count) for count in asked] == [0, 1, 2, 3, 3, 4, 4, 8, 10, 10, 10, 10]


@pytest.mark.parametrize(
    "piece", ["a", "a.", "<a", "1.", "a@", "1,", "http:", "kim ", "b-", "<p>", "(", " a", "\u0660"]
)
def test_four_times_the_text_takes_about_four_times_as_long(piece: str) -> None:
    def read(length: int) -> None:
        text = piece * (length // len(piece)) + "x"
        likeness.of(Letter(("a",), (("kim@friends.example",), (), ()), "", text))

    assert growth.is_steady(lambda: read(49_000 // 4), lambda: read(49_000))


@pytest.mark.parametrize(
    ("to", "text"),
    [
        ("kim@friends.example", "Hello Kim,\n\n  order 12 of kim@friends.example is ready: 1 of 2.\n"),
        ("dear@friends.example", "Dear Lee,\n\nDear dear, 7 left.\n"),
        ("number@name.example", "Hi Number Name, name 3\x00 number\x00\x00 4"),
        ("kim@friends.example", ""),
    ],
)
def test_an_outline_with_its_blanks_filled_in_is_the_mail_again(to: str, text: str) -> None:
    mail = Letter(("here",), ((to,), (), ()), "Order 5 for kim", text)
    subject, body = likeness.outline(mail)
    blanks = likeness.of(mail).blanks
    told = ["".join(part.text if part.blank is None else blanks[part.blank] for part in one) for one in (subject, body)]
    assert told == [mail.subject, text.replace("\x00", "")]
    assert sorted(part.blank for part in [*subject, *body] if part.blank is not None) == list(range(len(blanks)))
