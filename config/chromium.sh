#!/bin/sh
# The browser tests drive Debian's chromium, best the one without a window of its own: half the work. Where neither is
# there it is installed if that can be done unasked, else missed loudly.
set -eu
is_there() { command -v chromium-headless-shell >/dev/null 2>&1 || command -v chromium >/dev/null 2>&1; }
install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$1" >/dev/null 2>&1; }
is_there && exit 0
if [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing chromium for the browser tests ..." >&2
    apt-get update -qq >/dev/null 2>&1 && { install chromium-headless-shell || install chromium; } || true
fi
is_there && exit 0
echo "########  chromium is missing: THE BROWSER TESTS WILL BE SKIPPED (apt-get install chromium)  ########" >&2
