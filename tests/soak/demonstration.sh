#!/bin/sh
# demonstration.sh SEED SECONDS: the whole county as ./dev run shows it, once, and again while there
# is time.
set -eu
end=$(($(date +%s) + $2))
count=0
while :; do
    "$TERRACE" drill demo --tree "$SOURCE/data/yongshun.csv" >&2 || {
        echo "replay: ./dev run"
        exit 1
    }
    count=$((count + 1))
    [ "$(date +%s)" -lt "$end" ] || break
done
nodes=$(($(wc -l <"$SOURCE/data/yongshun.csv") - 1))
echo "$count times the county of $nodes nodes, everything held"
