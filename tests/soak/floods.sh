#!/bin/sh
# Floods of work in the simulator, larger and from further seeds. Arguments: SEED SECONDS.
# Environment: BUILD_TEST (the sanitizers' build).
set -eu
seed=$1 end=$(($(date +%s) + $2)) first=$1 rounds=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
while [ "$rounds" -eq 0 ] || [ "$(date +%s)" -lt "$end" ]; do
    times=$((rounds % 3 + 1))
    if ! "$BUILD_TEST/tests/test_floods" "$times" "$seed" >"$log" 2>&1; then
        tail -n 40 "$log"
        echo "replay: $BUILD_TEST/tests/test_floods $times $seed"
        exit 1
    fi
    rounds=$((rounds + 1)) seed=$((seed + 1))
done
echo "floods: $rounds rounds held, seeds $first..$((seed - 1))"
