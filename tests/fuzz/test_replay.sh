#!/bin/sh
# test_replay.sh PLANTED CORPUS: the replay finds a planted fault and names the case; that case
# alone fails again, and the case that is right passes.
set -eu
said=$(mktemp "${TMPDIR:-/tmp}/terrace-replay-XXXXXX")
trap 'rm -f "$said"' EXIT

fails() {
    if "$@" >"$said" 2>&1; then
        echo "passed, but has to fail: $*"
        exit 1
    fi
    case=$(sed -n 's/^replay: failed at case //p' "$said")
    if [ -z "$case" ]; then
        echo "failed without a case: $*"
        cat "$said"
        exit 1
    fi
}

fails "$1" "$2" 20000
found=$case
# shellcheck disable=SC2086 # a name and a number
fails "$1" "$2" $found
if [ "$case" != "$found" ]; then
    echo "case $found failed as $case"
    exit 1
fi
"$1" "$2" good 0
echo "found at $found"
