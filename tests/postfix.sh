#!/bin/sh
# smtp-sink and smtp-source, the test tools of Debian's postfix, beside the sources.
# The libraries that they need are named by the package itself and are usually there.
set -eu
cd "$(dirname "$0")/.."
tests/unpack.sh postfix postfix
LD_LIBRARY_PATH=.tools/postfix/usr/lib/postfix ldd .tools/postfix/usr/sbin/smtp-sink | grep "not found" >&2 && {
    echo "smtp-sink lacks these libraries (apt-get install libicu72 libdb5.3 libnsl2)" >&2
    exit 1
}
exit 0
