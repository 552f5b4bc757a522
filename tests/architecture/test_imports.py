"""The arrows of the house: who may know whom."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from django.conf import settings

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def test_every_import_contract_is_kept() -> None:
    root: Path = settings.BASE_DIR
    done = subprocess.run([sys.executable, "-c", LINT, "--no-cache"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
