#!/bin/sh
# unpack.sh PACKAGE FOLDER: Debian's PACKAGE of tools for tests into .tools/FOLDER. Nothing is installed.
set -eu
cd "$(dirname "$0")/.."
[ -d ".tools/$2" ] && exit 0
command -v apt-get >/dev/null 2>&1 || { echo "$1 is Debian's: no apt-get here" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# _apt, who fetches, must be able to write here.
chmod 777 "$folder"
(
    cd "$folder"
    apt-get download -qq "$1" >/dev/null 2>&1 || { apt-get update -qq && apt-get download -qq "$1"; } >/dev/null 2>&1
) || { echo "$1 could not be fetched (apt-get download $1)" >&2; exit 1; }
dpkg -x "$folder/$1"_*.deb "$folder/unpacked"
mkdir -p .tools
mv "$folder/unpacked" ".tools/$2"
