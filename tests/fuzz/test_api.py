"""The OpenAPI document against a real server: every check of schemathesis, coverage, fuzzing and stateful phases.

A small budget in `make check`; `make fuzz-api` tries hundreds of examples per operation. What an agent's key may call
is tried with one, the reviews with a member's decide key.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import zeal

from mailboxes.models import Limit, LimitKind
from oversight.models import Review
from tests import builders
from tests.browser.server import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("fuzz")]

FEW, MANY = 5, 500
PATIENCE = 120
# What only ends the account, or the key that asks. They have tests of their own.
LEFT_OUT = ("deleteAccount",)
# Where a 400 says what no schema can: the password is one of the most common, the attachment is nobody's, ...
NOT_BY_SCHEMA = (
    *("createSignup", "createMailbox", "createDomain", "createWebhook", "updateWebhook"),
    *(
        "sendMessage",
        "resubmitMessage",
        "createUpgradeCheckout",
        "createStop",
        "streamEvents",
        "listEvents",
        "requestUpgrade",
    ),
    *("editReview", "requestChanges"),  # nothing changes, or one body only; instructions of spaces
    *("evaluatePolicy", "proposeRules", "backTestRules"),
    *("listPendingReviews", "snoozeReview", "rejectReviews", "approveSimilarReviews"),
    *("createApiKey", "updateApiKey"),  # an end must be to come, and not too far away
)


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[Server]:
    # Nobody listens for long: hundreds of streams would each take their minutes.
    server = Server(tmp_path, SIGNUPS_PER_HOUR="1000000000", SSE_SECONDS="0", LONG_POLL_SECONDS="0")
    try:
        server.start()
        yield server
    finally:
        server.stop()


def configuration(review: Review) -> str:
    """schemathesis.toml of one run: what is left out, the ids of a review, and where more than a schema decides."""
    refusals = '["2xx", "3xx", "400", "401", "403", "404", "409", "422", "429"]'
    parts = [
        'checks.positive_data_acceptance.expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "422", "429"]',
        *(_operation("include-operation-id", name, "enabled = false") for name in LEFT_OUT),
        _operation("include-path-regex", "^/v1/oversight/reviews", f'parameters = {{ id = "{review.pk}" }}'),
        *(
            _operation("include-operation-id", name, f"checks.positive_data_acceptance.expected-statuses = {refusals}")
            for name in NOT_BY_SCHEMA
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _operation(by: str, what: str, setting: str) -> str:
    return f'[[operations]]\n{by} = "{what}"\n{setting}'


def run(server: Server, folder: Path, key: str, *options: str) -> subprocess.CompletedProcess[str]:
    st = Path(sys.executable).with_name("st")
    argv = [str(st), "--config-file", str(folder / "schemathesis.toml"), "run", f"{server.url}/v1/openapi.json"]
    given = ["--header", f"Authorization: Bearer {key}", "--checks", "all", "--continue-on-failure", "--no-color"]
    given += ["--request-timeout", str(PATIENCE), "--suppress-health-check", "too_slow"]  # the machine may be
    return subprocess.run(
        [*argv, *given, *options], cwd=folder, env=os.environ | {"HOME": str(folder)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def scene(who: str) -> tuple[str, str]:
    """The key of the run, of an account without limits, and the run's schemathesis.toml."""
    alice = builders.tenant()
    Limit.objects.bulk_create([Limit(account=alice.account, kind=kind, amount=0) for kind in LimitKind])
    key = alice.key_text if who == "agent" else builders.decide_key(alice.owner)
    return key, configuration(builders.held(alice))


@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.chaos)])
@pytest.mark.parametrize("who", ["agent", "member"])
def test_no_request_breaks_what_the_document_says(server: Server, tmp_path: Path, who: str, examples: int) -> None:
    with zeal.zeal_ignore():  # making the scene, which is not what is tried
        key, toml = scene(who)
    (tmp_path / "schemathesis.toml").write_text(toml)
    way = "--exclude-tag" if who == "agent" else "--include-tag"
    # A request for each bound of each field takes minutes, whatever the number of examples: at length only.
    few = ["--generation-deterministic", "--phases=examples,fuzzing,stateful"] if examples == FEW else []
    told = run(server, tmp_path, key, way, "Oversight", f"--max-examples={examples}", *few)
    assert told.returncode == 0, told.stdout[-20_000:] + told.stderr[-2_000:]


def test_a_form_that_can_not_be_read_is_told_so_and_not_cut_off(server: Server) -> None:
    alice = builders.tenant()
    headers = {"Authorization": f"Bearer {alice.key_text}", "Content-Type": "multipart/form-data; boundary=b"}
    answer = httpx2.post(f"{server.url}/v1/attachments", headers=headers, content=b"--b--\r\n", timeout=PATIENCE)
    assert (answer.status_code, answer.json()["code"]) == (400, "missing_field")
