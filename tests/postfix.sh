#!/bin/sh
# smtp-sink and smtp-source, the test tools of Debian's postfix, unpacked beside the sources: nothing is installed.
# What they need (libraries) is named by the package itself and is usually there.
set -eu
cd "$(dirname "$0")/.."
[ -x .tools/postfix/usr/sbin/smtp-sink ] && exit 0
command -v apt-get >/dev/null 2>&1 || { echo "smtp-sink is Debian's: no apt-get here" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# _apt, who fetches, must be able to write here.
chmod 777 "$folder"
(
    cd "$folder"
    apt-get download -qq postfix >/dev/null 2>&1 || { apt-get update -qq && apt-get download -qq postfix; } >/dev/null 2>&1
) || { echo "postfix could not be fetched (apt-get download postfix)" >&2; exit 1; }
mkdir -p .tools/postfix
dpkg -x "$folder"/postfix_*.deb .tools/postfix
LD_LIBRARY_PATH=.tools/postfix/usr/lib/postfix ldd .tools/postfix/usr/sbin/smtp-sink | grep "not found" >&2 && {
    echo "smtp-sink lacks these libraries (apt-get install libicu72 libdb5.3 libnsl2)" >&2
    exit 1
}
exit 0
