#!/bin/sh
# forks.sh SEED SECONDS: nodes put back to exact images go on writing; twenty seeds a run.
set -eu
seed=$1
end=$(($(date +%s) + $2))
first=$seed
while :; do
    last=$((seed + 19))
    "$BUILD_TEST/tests/test_forks" "$seed" "$last" >&2 || {
        echo "replay: build-test/tests/test_forks $seed $last"
        exit 1
    }
    seed=$((last + 1))
    [ "$(date +%s)" -lt "$end" ] || break
done
echo "$((seed - first)) seeds of forks, $first..$last"
