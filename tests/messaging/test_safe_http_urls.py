"""Which URLs and addresses are asked at all (F10, A46). Nothing here leaves the machine."""

from __future__ import annotations

import re
from ipaddress import ip_address

import httpx2
import pytest
from django.core.checks import run_checks
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from pytest_django import Settings

from messaging.safe_http import Refused, addresses, check_url, trust, urls
from messaging.safe_http.timing import Deadline

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 168.63.129.15 168.63.129.17
169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.31.195.255 192.88.98.255
192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0
223.255.255.255
2001:200::1 2001:4860:4860::8888 2003::1 2606:4700:4700::1111 2620:4f:7fff::1 2a00:1450::1 3ffd::1 3fff:1000::1
"""
NOT_PUBLIC = """
0.0.0.0 0.0.0.1 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.1 127.0.1.1
127.255.255.255 168.63.129.16 169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255 172.16.0.0 172.31.255.255
192.0.0.0 192.0.0.192 192.0.0.255 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.0 192.168.255.255
192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::2 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1
64:ff9b::8.8.8.8 64:ff9b:1::1 100::1 100:0:0:1::1 2001::1 2001:0:53aa:64c::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff::1
2001:db8::1 2002:7f00:1::1 2002:808:808::1 2620:4f:8000::1 3ffe::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1
fd00:ec2::254 fdff::1 fe80::1 fe80::a9fe:a9fe febf::1 fec0::1 ff02::1 ff0e::1
2a00:1450::5efe:127.0.0.1 2a00:1450::200:5efe:10.0.0.1
"""
GOOD = """
https://hooks.example/ https://hooks.example https://hooks.example/a/b?c=d https://HOOKS.Example/A
https://hooks.example:443/ https://hooks.example:8443/ https://hooks.example:/ HTTPS://hooks.example/
https://faß.example/ https://ｈooks.example/ https://my_bucket.store.example/ https://a-1.b-2.example/%2F..;x=y
https://127.0.0.1.hooks.example/ https://localhost.hooks.example/ https://x.co https://1.example/ https://hooks.example?x
"""  # noqa: RUF001 - such letters are the point
BAD = """
bad_scheme http://hooks.example/
bad_scheme ftp://hooks.example/
bad_scheme gopher://hooks.example/
bad_scheme file://hooks.example/etc/passwd
bad_scheme ws://hooks.example/
bad_url file:///etc/passwd
bad_url https:///path
bad_url https:hooks.example
bad_scheme //hooks.example/
bad_url hooks.example
bad_url javascript:alert(1)
bad_url data:text/plain,x
bad_url https://
bad_url https://?x
bad_url https://user@hooks.example/
bad_url https://user:password@hooks.example/
bad_url https://hooks.example@127.0.0.1/
bad_url https://127.0.0.1@hooks.example/
bad_url https://hooks.example\\@127.0.0.1/
bad_url https://hooks.example#@127.0.0.1/
bad_url https://hooks.example/#part
bad_url https://hooks.example./
bad_url https://.hooks.example/
bad_url https://hooks..example/
bad_url https://-hooks.example/
bad_url https://hooks%2eexample/
bad_url https://127%2e0%2e0%2e1/
bad_url https://hooks.example/ä
bad_url https://[::1/
bad_url https://[v1.example]/
bad_url https://::1/
bad_url https://127.1/
bad_url https://127.0.1/
bad_url https://2130706433/
bad_url https://0/
bad_url https://0x7f000001/
bad_url https://0x7f.0.0.1/
bad_url https://127.0.0.0x1/
bad_url https://0177.0.0.1/
bad_url https://017700000001/
bad_url https://127.000.000.001/
bad_url https://127.0.0.1./
bad_url https://1.2.3.4.5/
bad_url https://256.256.256.256/
bad_url https://hooks.1/
bad_url https://0x/
bad_url https://①②⑦.⓪.⓪.①/
bad_url https://１２７.0.0.1/
bad_url https://127。0。0。1/
bad_url https://８.８.８.８/
bad_url https://0ｘ7f000001/
bad_url https://℀.example/
blocked_address https://127.0.0.1/
blocked_address https://10.0.0.1:8443/
blocked_address https://169.254.169.254/latest/meta-data/
blocked_address https://168.63.129.16/
blocked_address https://192.0.0.192/
blocked_address https://0.0.0.0/
blocked_address https://255.255.255.255/
blocked_address https://[::1]/
blocked_address https://[::]/
blocked_address https://[::ffff:127.0.0.1]/
blocked_address https://[::ffff:7f00:1]/
blocked_address https://[0:0:0:0:0:0:0:1]/
blocked_address https://[64:ff9b::7f00:1]/
blocked_address https://[2002:7f00:1::]/
blocked_address https://[fe80::1]/
blocked_address https://[fe80::1%25lo]/
blocked_address https://[fd00:ec2::254]/
blocked_host https://localhost/
blocked_host https://LOCALHOST/
blocked_host https://ⓛocalhost/
blocked_host https://db.localhost/
blocked_host https://db/
blocked_host https://metadata/
blocked_host https://metadata.google.internal/
blocked_host https://printer.local/
blocked_host https://nas.lan/
blocked_host https://router.home.arpa/
blocked_host https://1.0.0.127.in-addr.arpa/
blocked_host https://hidden.onion/
blocked_host https://mail.agents.example/
bad_port https://hooks.example:22/
bad_port https://hooks.example:25/
bad_port https://hooks.example:80/
bad_port https://hooks.example:5432/
bad_port https://hooks.example:6379/
bad_port https://hooks.example:0/
bad_port https://hooks.example:65536/
bad_port https://hooks.example:-1/
bad_port https://hooks.example:٤٤٣/
"""  # noqa: RUF001 - such digits are the point
INVISIBLE = (
    "https://hooks.example /",
    " https://hooks.example/",
    "https://hooks.example/\r\nHost: x",
    "https://hooks\t.example/",
    "https://hooks.example/\x00",
    "https://hooks.example/\u202e",
    "https://hooks.exam\u200bple/",
    "https://hooks\u3000.example/",
)


@pytest.mark.parametrize("text", PUBLIC.split())
def test_an_address_is_public_when_it_is_nobodys_special_range(text: str) -> None:
    assert addresses.is_public(ip_address(text))


@pytest.mark.parametrize("text", NOT_PUBLIC.split())
def test_an_address_is_not_public_when_it_is_private_special_or_carries_another_inside(text: str) -> None:
    assert not addresses.is_public(ip_address(text))


@pytest.mark.parametrize("url", GOOD.split())
def test_a_url_is_accepted_when_nothing_is_wrong_with_it_although_nobody_resolves_it_now(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(("code", "url"), [line.split(maxsplit=1) for line in BAD.strip().splitlines()])
def test_a_url_is_refused_when_its_form_or_its_host_is_wrong(code: str, url: str) -> None:
    with pytest.raises(Refused) as refused:
        check_url(url)
    assert refused.value.code == code, refused.value.sentence


@pytest.mark.parametrize("url", INVISIBLE)
def test_a_url_is_refused_when_something_in_it_can_not_be_seen(url: str) -> None:
    with pytest.raises(Refused) as refused:
        check_url(url)
    assert refused.value.code == "bad_url"


def test_a_url_of_2048_characters_is_accepted_and_a_longer_one_is_refused() -> None:
    url = "https://hooks.example/".ljust(2048, "x")
    check_url(url)
    with pytest.raises(Refused):
        check_url(url + "x")


def test_a_host_name_longer_than_names_are_is_refused() -> None:
    for host in ("a" * 64 + ".example", ".".join(["a" * 60] * 5), "a." * 1000 + "example"):
        with pytest.raises(Refused):
            check_url(f"https://{host}/")


def test_two_urls_lead_to_the_same_server_however_they_are_written() -> None:
    for url in ("https://FASS.example/a", "https://fass.example:443/b?c", "https://ｆass.example"):  # noqa: RUF001
        assert urls.is_same_origin("https://fass.example/", url)
    for url in (
        "http://fass.example/",
        "https://fass.example:8443/",
        "https://faß.example/",
        "no url",
        "ftp://x.example",
    ):
        assert not urls.is_same_origin("https://fass.example/", url)
    assert not urls.is_same_origin("no url", "no url")


def asked(url: str, *, schemes: tuple[str, ...] = ("https",)) -> None:
    """As a file is asked for."""
    urls.parse(url, schemes=schemes, trust=trust.private_hosts()).addresses(deadline=Deadline(60))


def test_a_host_of_the_operators_own_is_asked_for_files_when_the_setting_names_it(settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = ["localhost", "10.1.2.0/24", "fd00::/8", "127.0.0.1"]
    for host in ("localhost", "10.1.2.3", "[fd00::1]", "127.0.0.1"):
        asked(f"https://{host}/")
        asked(f"http://{host}:5678/")
    for url in (
        "https://other.lan/",
        "https://10.1.3.1/",
        "https://127.0.0.2/",
        "ftp://localhost/",
        "https://[fe80::1]/",
    ):
        with pytest.raises(Refused):
            asked(url)


def test_a_receiver_of_the_operators_own_is_told_when_the_setting_names_its_host_and_port(settings: Settings) -> None:
    settings.WEBHOOK_ALLOW = ["n8n.lan:5678", "10.1.2.3:80", "[fd00::1]:8443"]
    settings.ALLOWED_PRIVATE_HOSTS = ["other.lan", "10.1.0.0/16"]
    allow = trust.webhook_receivers()
    for url in (
        "http://n8n.lan:5678/",
        "https://N8N.lan:5678/",
        "http://10.1.2.3/",
        "https://10.1.2.3:80/",
        "https://[fd00:0::1]:8443/",
    ):
        check_url(url, allow=allow)
        with pytest.raises(Refused):
            check_url(url)
    for url in (
        "http://n8n.lan/",
        "http://n8n.lan:5679/",
        "ftp://n8n.lan:5678/",
        "https://10.1.2.3/",
        "https://10.1.2.4:80/",
        "https://other.lan/",
        "https://[fd00::2]:8443/",
    ):
        with pytest.raises(Refused):
            check_url(url, allow=allow)


def test_plain_http_is_asked_when_the_caller_takes_it() -> None:
    check_url("http://files.example/a.pdf", schemes=("https", "http"))
    check_url("http://files.example:8080/a.pdf", schemes=("https", "http"))
    with pytest.raises(Refused):
        check_url("http://files.example:443/a.pdf", schemes=("https", "http"))


def test_this_servers_own_name_is_refused(settings: Settings) -> None:
    settings.PUBLIC_URL, settings.MAIL_HOST = "https://Gate.example", "MX.example"
    for url in ("https://gate.example/", "https://GATE.example:8443/v1", "https://mx.example/"):
        with pytest.raises(Refused) as refused:
            check_url(url)
        assert refused.value.code == "blocked_host"


@pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2", "::1"])
def test_an_address_of_this_machine_is_known_as_its_own_when_it_would_send_from_there() -> None:
    assert addresses.is_own(ip_address("127.0.0.1"))
    assert not addresses.is_own(ip_address("127.0.0.2"))  # it would send from 127.0.0.1


def test_this_machines_own_address_is_not_asked_when_it_is_public_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "DENIED_IPV4", [])  # now loopback stands for a public address of this machine
    with pytest.raises(Refused) as refused:
        check_url("https://127.0.0.1/")
    assert refused.value.code == "blocked_address"


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "n8n.lan:5678", "http://n8n.lan", "n8n lan", "*.lan"])
def test_an_exception_that_never_applies_is_told_at_start(entry: str, settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = ["n8n.lan", "localhost", "10.0.0.1/8", "fd00::/8", entry]
    [problem] = [found for found in run_checks() if found.id == "messaging.E002"]
    assert repr(entry) in problem.msg


@pytest.mark.parametrize(
    "entry",
    [
        "n8n.lan",
        "10.0.0.0/8:80",
        "http://n8n.lan:80",
        "*.lan:80",
        "n8n.lan:0",
        "n8n.lan:65536",
        "n8n.lan:٨٠",
        "n8n.lan:",
        ":80",
        "::1:80",
        "[::1]",
        "[n8n.lan]:80",
    ],
)
def test_a_receiver_that_is_not_a_host_and_a_port_is_told_at_start(entry: str, settings: Settings) -> None:
    settings.WEBHOOK_ALLOW = ["n8n.lan:5678", "10.0.0.1:80", "[fd00::1]:8443", entry]
    [problem] = [found for found in run_checks() if found.id == "messaging.E002"]
    assert repr(entry) in problem.msg
    assert len(trust.webhook_receivers()) == 3


def test_exceptions_for_webhooks_are_warned_of_where_the_server_is_deployed(settings: Settings) -> None:
    def warned() -> list[str]:
        return [one.msg for one in run_checks(include_deployment_checks=True) if one.id == "messaging.W001"]

    assert warned() == []
    settings.WEBHOOK_ALLOW = ["n8n.lan:5678"]
    [warning] = warned()
    assert "n8n.lan:5678" in warning


WORDS = "https: http: // / \\ @ : # ? [ ] % . .. 0x7f 127 1 ::1 443 x hooks.example localhost xn-- xn--fa-hia"
LETTERS = "\u00df\uff11\u3002\u212a\u0130\u200d\u2024"
PIECES = st.sampled_from([*WORDS.split(), *LETTERS])
URLISH = st.one_of(
    st.text(max_size=40),
    st.lists(PIECES, max_size=12).map("".join),
    st.lists(PIECES).map(lambda pieces: "https://" + "".join(pieces)),
)


@given(URLISH)
@settings_of_hypothesis(max_examples=1500, deadline=None)
def test_any_text_is_refused_or_leads_where_every_reader_of_it_would_go(text: str) -> None:
    try:
        target = urls.parse(text, schemes=("https",))
    except Refused:
        return
    assert target.host == target.host.lower()
    assert target.literal is not None or re.fullmatch(r"[a-z0-9_.-]*[a-z_-][a-z0-9_-]*", target.host.rpartition(".")[2])
    try:
        theirs = httpx2.URL(text)
    except httpx2.InvalidURL:
        return  # it knows a mistake that leads nowhere
    assert (theirs.scheme, theirs.port or 443) == ("https", target.port)
    assert target.literal is not None or theirs.raw_host.decode() == target.host
