"""What every answer carries."""

import pytest
from django.test import AsyncClient, Client


def test_a_request_gets_an_id_of_its_own(client: Client) -> None:
    first, second = (client.get("/health/live").headers["X-Request-Id"] for _ in range(2))
    assert len(first) == 32
    assert first != second


def test_a_well_formed_id_of_the_caller_is_kept(client: Client) -> None:
    response = client.get("/health/live", headers={"X-Request-Id": "trace-01.a_B"})
    assert response.headers["X-Request-Id"] == "trace-01.a_B"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "-a", "a\u00e9", "<script>"])
def test_an_ill_formed_id_of_the_caller_is_replaced(client: Client, given: str) -> None:
    assert client.get("/health/live", headers={"X-Request-Id": given}).headers["X-Request-Id"] != given


async def test_an_async_answer_has_the_id_too(async_client: AsyncClient) -> None:
    response = await async_client.get("/health/live", headers={"X-Request-Id": "trace-01"})
    assert response.headers["X-Request-Id"] == "trace-01"


def test_a_page_may_only_do_what_our_own_files_do(client: Client) -> None:
    policy = client.get("/health/live").headers["Content-Security-Policy"]
    assert set(policy.split("; ")) == {
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    }


def test_a_foreign_host_name_is_refused(client: Client) -> None:
    assert client.get("/admin/login/", headers={"Host": "evil.example"}).status_code == 400


def test_no_slash_is_added_for_the_caller(client: Client) -> None:
    assert client.get("/v1/nothing").status_code == 404
