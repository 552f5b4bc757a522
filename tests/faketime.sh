#!/bin/sh
# libfaketime of Debian, beside the sources: gives one process another clock.
set -eu
exec "$(dirname "$0")/unpack.sh" libfaketime faketime
