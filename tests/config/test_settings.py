"""Settings come from the environment alone."""

import os
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.threaded import THREADS

ROOT = Path(__file__).parents[2]
Load = Callable[..., dict[str, Any]]
# Words of .env.example that the settings don't read themselves.
READ_ELSEWHERE = {"POSTGRES_BIN", "VALKEY_BIN"}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> Load:
    """config/settings.py under exactly this environment."""

    def load_settings(**environment: str) -> dict[str, Any]:
        for name in set(os.environ) & _documented():
            monkeypatch.delenv(name)
        # Keeps a developer's own .env out.
        for name, value in {"TESTING": "1", "DATA_DIR": str(data_dir), **environment}.items():
            monkeypatch.setenv(name, value)
        sys.modules.pop("config.settings_oversight", None)  # read anew, as its environment is
        return runpy.run_path(str(ROOT / "config" / "settings.py"))

    return load_settings


def _documented() -> set[str]:
    return set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_every_setting_is_documented_and_every_documented_one_is_read() -> None:
    source = "".join((ROOT / "config" / f"{name}.py").read_text() for name in ("settings", "settings_oversight"))
    read = set(re.findall(r'_(?:text|numbers?|switch|percent)\(\s*"([A-Z_]+)"', source))
    assert read | READ_ELSEWHERE == _documented()


def test_nothing_set_means_embedded_servers_on_loopback(load: Load) -> None:
    settings = load()
    assert settings["EMBEDDED_POSTGRES"]
    assert settings["EMBEDDED_VALKEY"]
    assert settings["PUBLIC_URL"] == "http://127.0.0.1:8000"
    assert settings["PLATFORM_DOMAIN"] == "agents.example"
    assert settings["SIMULATOR_DOMAIN"] == "sim.agents.example"
    assert settings["DEFAULT_MODE"] == "gated_send"
    assert settings["DATABASES"]["default"]["USER"] == "gatepost"
    assert settings["DATABASE_ADMIN"]["USER"] == "gatepost_owner"


def test_an_empty_value_is_the_default(load: Load) -> None:
    assert load(PORT="", PLATFORM_DOMAIN=" ")["PORT"] == 8000


def test_a_public_url_with_https_makes_cookies_secure_and_asks_for_hsts(load: Load) -> None:
    settings = load(PUBLIC_URL="https://mail.example.org/")
    assert settings["PUBLIC_URL"] == "https://mail.example.org"
    assert "mail.example.org" in settings["ALLOWED_HOSTS"]
    assert settings["CSRF_TRUSTED_ORIGINS"] == ["https://mail.example.org"]
    assert settings["SESSION_COOKIE_SECURE"]
    assert settings["CSRF_COOKIE_SECURE"]
    assert settings["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert settings["SECURE_HSTS_SECONDS"] > 0


def test_a_public_url_without_https_works_in_a_browser_without_tls(load: Load) -> None:
    settings = load(PUBLIC_URL="http://gatepost.local:8080")
    assert not settings["SESSION_COOKIE_SECURE"]
    assert not settings["SECURE_SSL_REDIRECT"]
    assert settings["SECURE_HSTS_SECONDS"] == 0


def test_instances_on_two_ports_of_one_host_do_not_share_cookies(load: Load) -> None:
    names = {load(PORT=port)["SESSION_COOKIE_NAME"] for port in ("8000", "8001")}
    assert len(names) == 2


@pytest.mark.parametrize(
    ("host", "public_url"),
    [("0.0.0.0", "http://127.0.0.1:8000"), ("::1", "http://[::1]:8000"), ("10.0.0.5", "http://10.0.0.5:8000")],
)
def test_the_default_public_url_is_one_that_can_be_opened(load: Load, host: str, public_url: str) -> None:
    assert load(HOST=host)["PUBLIC_URL"] == public_url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "mail.example.org"),
        ("PUBLIC_URL", "ftp://mail.example.org"),
        ("PUBLIC_URL", "https://mail.example.org/path"),
        ("PORT", "http"),
        ("UNDO_SECONDS", "-1"),
        ("KEY_CACHE_SECONDS", "6"),
    ],
)
def test_a_wrong_value_is_refused_by_name(load: Load, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        load(**{name: value})


def test_the_secret_key_is_made_once_and_closed_to_others(load: Load, data_dir: Path) -> None:
    first = load()["SECRET_KEY"]
    assert len(first) > 50
    assert load()["SECRET_KEY"] == first
    assert (data_dir / "secret_key").stat().st_mode & 0o777 == 0o600


def test_the_secret_key_is_required_with_a_database_of_ones_own(load: Load) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        load(DATABASE_URL="postgresql://gatepost@db/gatepost")


def test_both_urls_set_touch_no_disk(load: Load, data_dir: Path) -> None:
    load(DATABASE_URL="postgresql://gatepost@db/gatepost", REDIS_URL="redis://broker:6379/0", SECRET_KEY="x" * 50)
    assert list(data_dir.iterdir()) == []


def test_a_database_url_reads_as_libpq_reads_it(load: Load) -> None:
    database = load(DATABASE_URL="postgresql://app:p%40ss@/mail?host=/run/pg&sslmode=require", SECRET_KEY="x" * 50)
    default = database["DATABASES"]["default"]
    assert (default["USER"], default["PASSWORD"], default["HOST"]) == ("app", "p@ss", "/run/pg")
    assert default["NAME"] == "mail"
    assert default["OPTIONS"]["sslmode"] == "require"
    assert database["DATABASE_ADMIN"]["USER"] == "app"


def test_only_web_processes_pool_connections(load: Load) -> None:
    assert "pool" not in load()["DATABASES"]["default"]["OPTIONS"]
    settings = load(DATABASE_POOL="1")
    assert settings["DATABASES"]["default"]["OPTIONS"]["pool"]["max_size"] >= THREADS
    assert "pool" not in settings["DATABASE_ADMIN"]["OPTIONS"]


def test_the_broker_is_the_embedded_one_unless_set(load: Load) -> None:
    assert load()["CELERY_BROKER_URL"].startswith("redis+socket:///")
    assert load(REDIS_URL="redis://broker:6379/0")["CELERY_BROKER_URL"] == "redis://broker:6379/0"
    assert load(BROKER_URL="amqp://rabbit")["CELERY_BROKER_URL"] == "amqp://rabbit"


def test_fault_points_are_deaf_in_production(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(FAULTPOINTS="accept.after_commit=kill")["FAULTPOINTS"] == "accept.after_commit=kill"
    settings = load(FAULTPOINTS="accept.after_commit=kill", TESTING="0")
    assert settings["FAULTPOINTS"] == ""
    assert settings["FAULTPOINTS_REQUESTED"] != ""
