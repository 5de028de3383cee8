#!/bin/sh
# swarm.sh SEED SECONDS: new seeds of the simulator, twenty at a time, and one over a whole county.
set -eu
seed=$1
end=$(($(date +%s) + $2))
first=$seed
counties=0
while :; do
    last=$((seed + 19))
    "$BUILD_TEST/terrace" sim swarm --seeds "$seed..$last" --quiet >&2 || {
        echo "replay: build-test/terrace sim swarm --seeds $seed..$last"
        exit 1
    }
    "$BUILD_TEST/terrace" sim swarm --quiet --seed "$last" \
        --tree "$SOURCE/data/yongshun.csv" >&2 || {
        echo "replay: build-test/terrace sim swarm --seed $last --tree data/yongshun.csv"
        exit 1
    }
    counties=$((counties + 1))
    seed=$((last + 1))
    [ "$(date +%s)" -lt "$end" ] || break
done
echo "$((seed - first)) seeds, $first..$last, $counties of them over a whole county too"
