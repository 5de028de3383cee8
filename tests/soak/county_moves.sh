#!/bin/sh
# county_moves.sh SEED SECONDS: the reference county reshaped under load: its second smallest
# township is merged into its neighbour, its largest one split in two, as plans of moves; `drill
# check` after each. Once, whatever the time.
#
#   SOURCE, TERRACE in the environment.
set -eu
seed=$1
table=$SOURCE/data/yongshun.csv
place=$(mktemp -d /tmp/terrace-county-XXXXXX)
county=$place/county
load=''

finish() {
    [ -z "$load" ] || kill "$load" 2>/dev/null || true
    [ ! -d "$county" ] || "$TERRACE" drill down --dir "$county" >/dev/null 2>&1 || true
    [ -n "${KEEP:-}" ] || rm -rf "$place"
}
trap finish EXIT

fail() {
    echo "county moves: $*" >&2
    [ ! -s "$place/said" ] || tail -40 "$place/said" >&2
    echo "replay: SOURCE=. TERRACE=build/terrace sh tests/soak/county_moves.sh $seed 1"
    exit 1
}

act() {
    "$TERRACE" drill "$@" --dir "$county" >"$place/said" 2>&1 || fail "drill $* ended with $?"
}

villages_of() {
    awk -F, -v parent="$1" '$4 == parent { print $1 }' "$table"
}

root=$(awk -F, 'NR > 1 && $4 == "" { print $1 }' "$table")
sizes=$(awk -F, -v root="$root" 'NR > 1 && $4 != root && $4 != "" { count[$4]++ }
    END { for (seat in count) print count[seat], seat }' "$table" | sort -n)
small=$(echo "$sizes" | sed -n '2p' | cut -d' ' -f2)
neighbour=$(echo "$sizes" | sed -n '1p' | cut -d' ' -f2)
large=$(echo "$sizes" | tail -n 1 | cut -d' ' -f2)

"$TERRACE" drill up --tree "$table" --dir "$county" >/dev/null
act load --records 3000 --seed "$seed"

began=$(date +%s)
"$TERRACE" drill load --dir "$county" --records 3000 --rate 300 --seed "$seed" >/dev/null &
load=$!
merged=0
for village in $(villages_of "$small"); do
    act move "$village" "$neighbour"
    merged=$((merged + 1))
done
wait "$load" || fail "load ended with $?"
load=''
act check --wait 300
took=$(($(date +%s) - began))
echo "merged $merged villages of $small into $neighbour: $took s to the check" >&2

began=$(date +%s)
"$TERRACE" drill load --dir "$county" --records 3000 --rate 300 --seed "$seed" >/dev/null &
load=$!
act admit "${large}B" "$root" --tier township
split=0
for village in $(villages_of "$large" | awk 'NR % 2 == 0'); do
    act move "$village" "${large}B"
    split=$((split + 1))
done
wait "$load" || fail "load ended with $?"
load=''
act check --wait 300
took=$(($(date +%s) - began))
echo "split $split villages off $large: $took s to the check" >&2
act down
echo "$merged villages merged and $split split off under load, everything held"
