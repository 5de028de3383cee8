#!/bin/sh
# orders.sh SEED SECONDS: histories from SEED on, each heard by fresh nodes in ten orders, and in
# sixty more by one of them; ten histories a run.
set -eu
seed=$1
end=$(($(date +%s) + $2))
first=$seed
while :; do
    last=$((seed + 9))
    "$BUILD_TEST/tests/test_orders" "$seed" "$last" 10+60 >&2 || {
        echo "replay: build-test/tests/test_orders $seed $last 10+60"
        exit 1
    }
    seed=$((last + 1))
    [ "$(date +%s)" -lt "$end" ] || break
done
echo "$(((seed - first) * 70)) orders of $((seed - first)) histories, $first..$last"
