#!/bin/sh
# domain.sh SEED SECONDS: each row of the county's table end to end on all 330 seats of the
# reference county, a process each, cut where it hurts; another township and village each time.
set -eu
seed=$1
end=$(($(date +%s) + $2))
table=$SOURCE/data/yongshun.csv
villages=$(awk -F, '$3 == "village" { print $4 ":" $1 }' "$table")
count=$(echo "$villages" | wc -l)
rounds=0
while :; do
    place=$(echo "$villages" | sed -n "$((seed % count + 1))p")
    set -- "$table" 433127 433127D01 "${place%%:*}" "${place#*:}"
    "$BUILD_TEST/tests/test_domain" "$TERRACE" "$@" >&2 || {
        echo "replay: build-test/tests/test_domain $TERRACE $*"
        exit 1
    }
    rounds=$((rounds + 1))
    seed=$((seed + 1))
    [ "$(date +%s)" -lt "$end" ] || break
done
echo "$rounds times all rows of the table on 330 processes"
