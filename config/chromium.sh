#!/bin/sh
# The browser tests drive Debian's chromium. Installed where that can be done unasked, else missed loudly.
set -eu
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing chromium for the browser tests ..." >&2
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; } \
        >/dev/null 2>&1 && exit 0
fi
echo "########  chromium is missing: THE BROWSER TESTS WILL BE SKIPPED (apt-get install chromium)  ########" >&2
