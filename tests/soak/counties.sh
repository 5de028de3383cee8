#!/bin/sh
# counties.sh SEED SECONDS: whole days of the reference county, each with another seed, lived
# through with the model and all its checks.
set -eu
seed=$1
end=$(($(date +%s) + $2))
days=0
while :; do
    "$TERRACE" sim run county-two-days --seed "$seed" >&2 || {
        echo "replay: $TERRACE sim run county-two-days --seed $seed"
        exit 1
    }
    days=$((days + 2))
    seed=$((seed + 1))
    [ "$(date +%s)" -lt "$end" ] || break
done
echo "$days days of the reference county held"
