#!/bin/sh
# Makes .venv from requirements.txt when it is missing or stale. Needs nothing but python3 (3.11 or later) with venv.
set -eu
cd "$(dirname "$0")/.."

wanted=$(cksum < requirements.txt)
[ "$(cat .venv/.stamp 2>/dev/null || true)" = "$wanted" ] && exit 0

# The full path: without PATH in the environment python can't tell where it is.
python=$(command -v "${PYTHON:-python3}") || {
    echo "python3 is missing: apt-get install python3 python3-venv" >&2
    exit 1
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Gatepost needs Python 3.11 or later; $("$python" --version) is too old (set PYTHON to a newer one)" >&2
    exit 1
}

echo "Preparing .venv (once; takes up to a minute) ..." >&2
if command -v uv >/dev/null 2>&1; then
    uv=uv
    uv venv --quiet --allow-existing --python "$python" .venv
else
    uv=.venv/bin/uv
    "$python" -c 'import ensurepip, venv' 2>/dev/null || {
        echo "python3-venv is missing: apt-get install python3-venv (or install uv)" >&2
        exit 1
    }
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
fi
# The system's certificates where it has some: a company's own authority stands only there.
[ -e /etc/ssl/certs/ca-certificates.crt ] && export UV_SYSTEM_CERTS=true
# An interrupted installation leaves no stamp, so the next call begins again. pip knows proxies and certificates from
# settings that uv does not read, so it has the second try.
# Compiled at once: some libraries' sources warn when they are compiled, and in the tests a warning is an error.
"$uv" pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes --requirement requirements.txt || {
    echo "uv could not install the libraries; trying pip ..." >&2
    .venv/bin/python -m ensurepip >/dev/null
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
}
echo "$wanted" > .venv/.stamp
