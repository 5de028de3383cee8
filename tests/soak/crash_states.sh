#!/bin/sh
# crash_states.sh SEED SECONDS: records a node's disk calls anew and explores what a power cut may
# leave of them, again and again with the next seed, until the time is over.
set -eu
seed=$1
first=$1
end=$(($(date +%s) + $2))
program=$BUILD_TEST/tests/crash_states
total=0
said=$(mktemp)
trap 'rm -f "$said"' EXIT
while :; do
    "$program" 500 "$seed" >"$said" 2>&1 || {
        cat "$said"
        grep -q '^replay: ' "$said" || echo "replay: $program 500 $seed"
        exit 1
    }
    total=$((total + 500))
    [ "$(date +%s)" -lt "$end" ] || break
    seed=$((seed + 1))
done
echo "crash states: $total held, seeds $first..$seed"
