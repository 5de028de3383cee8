#!/bin/sh
# kill_loop.sh SEED SECONDS: fifty kills under load, again and again with the next seed, until the
# time is over.
set -eu
seed=$1
first=$1
end=$(($(date +%s) + $2))
program=$BUILD_TEST/tests/kill_loop
kills=0
said=$(mktemp)
trap 'rm -f "$said"' EXIT
while :; do
    "$program" 50 "$seed" >"$said" 2>&1 || {
        cat "$said"
        echo "replay: $program 50 $seed"
        exit 1
    }
    kills=$((kills + 50))
    [ "$(date +%s)" -lt "$end" ] || break
    seed=$((seed + 1))
done
echo "kill loop: $kills kills held, seeds $first..$seed; last: $(cat "$said")"
