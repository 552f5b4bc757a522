"""The mail of the demo. Juniper Lane makes lamps; Juno, an agent, writes; Rhea reads before anything leaves."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Letter:
    """What Juno asks to send."""

    to: str
    subject: str
    body_text: str
    body_html: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


CUSTOMER = "mara.lindqvist@fjordmail.example"
CUSTOMER_SUBJECT = "Cracked shade on order 4187"
CUSTOMER_BODY = """\
Hello,

the Alder lamp from order 4187 came this morning. It is lovely, but the linen shade has a crack along the seam, about \
as long as a finger.

It is a present for my daughter's birthday on Saturday. Is there any chance of a new shade before then? I can send the \
damaged one back.

Kind regards
Mara Lindqvist
"""

ANSWER = Letter(
    to=CUSTOMER,
    subject=f"Re: {CUSTOMER_SUBJECT}",
    body_text="""\
Hello Mara,

I am sorry that the shade arrived cracked, and so close to the birthday.

A new linen shade for order 4187 is packed and can leave our workshop by express post this afternoon. It should be \
with you on Thursday, two days before Saturday. There is nothing to pay, and you need not send the cracked one back.

Shall it go to the same address as the lamp?

Warm regards
Juno, for Juniper Lane
""",
    metadata={"order": "4187", "cost": "38 EUR"},
)

QUOTE = Letter(
    to="purchasing@harborstay.example",
    subject="Your quote: 24 Alder lamps for the Harbor Stay",
    body_text="""\
Dear Ms Petrov,

thank you for your call. Here is our offer for the lobby and the twelve rooms:

  24 Alder table lamps, oak      24 x 96.00 EUR    2,304.00 EUR
  24 linen shades, natural       24 x 28.00 EUR      672.00 EUR
  Trade discount, 12 %                              -357.12 EUR
  Total without VAT                                2,618.88 EUR

We can deliver within five weeks of your order. The offer holds until the end of next month.

Kind regards
Juno, for Juniper Lane
""",
    body_html="""\
<p>Dear Ms Petrov,</p>
<p>thank you for your call. Here is our offer for the lobby and the twelve rooms:</p>
<table cellpadding="6" style="border-collapse:collapse">
<tr style="border-bottom:1px solid #999">
<th align="left">Item</th><th align="right">Each</th><th align="right">Sum</th></tr>
<tr><td>24 Alder table lamps, oak</td><td align="right">96.00 EUR</td><td align="right">2,304.00 EUR</td></tr>
<tr><td>24 linen shades, natural</td><td align="right">28.00 EUR</td><td align="right">672.00 EUR</td></tr>
<tr><td>Trade discount, 12 %</td><td></td><td align="right">-357.12 EUR</td></tr>
<tr style="border-top:1px solid #999"><td><strong>Total without VAT</strong></td><td></td>
<td align="right"><strong>2,618.88 EUR</strong></td></tr>
</table>
<p>We can deliver within five weeks of your order. The offer holds until the end of next month.</p>
<p>Kind regards<br>Juno, for Juniper Lane</p>
""",
    metadata={"lead": "Harbor Stay", "discount": "12 %"},
)

ORDER = Letter(
    to="workshop@weaverandsons.example",
    subject="Linen order: 40 shades, 30 cm",
    body_text="""\
Hello Tom,

eleven natural linen shades are left on the shelf, and last month took thirty. Please put us down for 40 of the 30 cm \
size, 1,180 EUR as last time, to arrive in four weeks.

Could you also look at the seam? One shade reached a customer cracked this week, the second this autumn.

Best
Juno, for Juniper Lane
""",
    metadata={"stock": "11", "sold_last_month": "30"},
)

REMINDER = Letter(
    to="accounts@cafe-morgenrot.example",
    subject="A friendly reminder: invoice 2291",
    body_text="""\
Dear Café Morgenrot team,

we hope the lamps over the counter give the light you wanted.

Invoice 2291 of 412.50 EUR was due twelve days ago, and we could not find a payment. It may have crossed with this \
mail; if so, please forget it. Otherwise we would be glad to have it by Friday of next week.

Kind regards
Juno, for Juniper Lane
""",
    metadata={"invoice": "2291", "days_late": "12"},
)

DISCOUNT = Letter(
    to="jonas.weber@lichtblick.example",
    subject="20 % off everything this weekend",
    body_text="""\
Dear Jonas,

because you asked about the Birch floor lamp in spring: this weekend everything in our shop is 20 % off.

Warm regards
Juno, for Juniper Lane
""",
)
WHY_NOT = (
    "We agreed on no discount. Offer him help with choosing a lamp instead, and ask me before you write of prices."
)
