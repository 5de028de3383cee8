#!/bin/sh
# replays.sh SEED SECONDS: scenarios of the simulator's swarm, each against real processes: both
# must come to the same end. A seed that doesn't hold in the simulator itself is swarm.sh's to find.
set -eu
seed=$1
first=$1
end=$(($(date +%s) + $2))
place=$(mktemp -d "${TMPDIR:-/tmp}/terrace-replays-XXXXXX")
played=0
skipped=0
while :; do
    status=0
    "$TERRACE" drill replay "$seed" --anyway --dir "$place/$seed" >"$place/said" 2>&1 || status=$?
    if grep -q 'have the whole tree' "$place/said" || # the end of a changed tree isn't played
        { [ "$status" -eq 3 ] && grep -q 'the simulation itself' "$place/said"; }; then
        skipped=$((skipped + 1))
    elif [ "$status" -ne 0 ]; then
        cat "$place/said"
        echo "replay: build/terrace drill replay $seed --anyway --dir DIR; the stores are in $place"
        exit 1
    else
        played=$((played + 1))
    fi
    rm -rf "${place:?}/$seed"
    [ "$(date +%s)" -lt "$end" ] || break
    seed=$((seed + 1))
done
rm -rf "$place"
echo "$played scenarios came to the same end, seeds $first..$seed, $skipped left to others"
