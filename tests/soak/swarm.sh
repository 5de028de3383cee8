#!/bin/sh
# swarm.sh SEED SECONDS: new seeds of the simulator, twenty at a time.
set -eu
seed=$1
end=$(($(date +%s) + $2))
first=$seed
while :; do
    last=$((seed + 19))
    "$BUILD_TEST/terrace" sim swarm --seeds "$seed..$last" --quiet >&2 || {
        echo "replay: build-test/terrace sim swarm --seeds $seed..$last"
        exit 1
    }
    seed=$((last + 1))
    [ "$(date +%s)" -lt "$end" ] || break
done
echo "$((seed - first)) seeds, $first..$last"
