#!/bin/sh
# libfaketime of Debian, unpacked beside the sources: gives one process another clock. Nothing is installed.
set -eu
cd "$(dirname "$0")/.."
[ -d .tools/faketime/usr/lib ] && exit 0
command -v apt-get >/dev/null 2>&1 || { echo "libfaketime is Debian's: no apt-get here" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# _apt, who fetches, must be able to write here.
chmod 777 "$folder"
(
    cd "$folder"
    apt-get download -qq libfaketime >/dev/null 2>&1 || { apt-get update -qq && apt-get download -qq libfaketime; } >/dev/null 2>&1
) || { echo "libfaketime could not be fetched (apt-get download libfaketime)" >&2; exit 1; }
mkdir -p .tools/faketime
dpkg -x "$folder"/libfaketime_*.deb .tools/faketime
