#!/bin/sh
# The browser tests drive Debian's chromium: without its own window where there is such a package (half the work), else
# the whole of it. Installed where that can be done unasked, else missed loudly.
set -eu
command -v chromium-headless-shell >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing chromium for the browser tests ..." >&2
    install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$1" >/dev/null 2>&1; }
    apt-get update -qq >/dev/null 2>&1 || true
    install chromium-headless-shell && exit 0
    command -v chromium >/dev/null 2>&1 || install chromium || true
fi
command -v chromium >/dev/null 2>&1 && exit 0
echo "########  chromium is missing: THE BROWSER TESTS WILL BE SKIPPED (apt-get install chromium)  ########" >&2
