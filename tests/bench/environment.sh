#!/bin/sh
# Makes .venv-bench, where the references of the measurements live. Run by `make bench` after environment.sh.
set -eu
cd "$(dirname "$0")/../.."
wanted=$(cksum < tests/bench/requirements.txt)
[ "$(cat .venv-bench/.stamp 2>/dev/null || true)" = "$wanted" ] && exit 0
.venv/bin/python -m venv .venv-bench
.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
    --requirement tests/bench/requirements.txt
echo "$wanted" > .venv-bench/.stamp
