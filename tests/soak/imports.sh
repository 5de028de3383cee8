#!/bin/sh
# imports.sh SEED SECONDS: imports that are killed at drawn moments, or whose node is, and run again
# until they end: each record is there exactly once, here and above, and a watch above that is
# killed as often tells each once. Again and again with the next seed, until the time is over.
set -eu
seed=$1
first=$1
end=$(($(date +%s) + $2))
records=20000
place=$(mktemp -d)
drill=$place/drill
village=$drill/V

leave() {
    "$TERRACE" drill down --dir "$drill" >/dev/null 2>&1 || true
    rm -rf "$place"
}
trap leave EXIT

fail() {
    echo "$1"
    echo "replay: TERRACE=$TERRACE sh tests/soak/imports.sh $seed 1"
    exit 1
}

draw() { # draw MOST: a number from the seed, another one each time
    drawn=$(((drawn * 1103515245 + 12345) % 2147483648))
    number=$((drawn / 65536 % $1))
}

# One import to its end; what it leaves behind when it is killed is the test.
import_on() {
    tries=0
    while :; do
        "$TERRACE" -d "$village" import incident "$place/file.ndjson" >"$place/said" 2>&1 &
        pid=$!
        draw 900
        sleep "0.$(printf '%03d' "$number")"
        draw 3
        if [ "$number" -eq 0 ]; then
            "$TERRACE" drill kill --dir "$drill" V >/dev/null
            "$TERRACE" drill start --dir "$drill" V >/dev/null
        elif [ "$number" -eq 1 ]; then
            kill -9 "$pid" 2>/dev/null || true
        fi
        wait "$pid" 2>/dev/null && return 0
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || return 1
    done
}

# The lines of a watch above since the cursor of the file, in pieces.
watch_on() {
    while :; do
        "$TERRACE" -d "$drill/C" --json watch incident --no-wait --limit 900 \
            --cursor "$(cat "$place/cursor")" >"$place/lines" || return 1
        sed -n 's/^{"cursor":"\([0-9a-f]*\)".*/\1/p' "$place/lines" | tail -1 >"$place/next"
        grep '"change"' "$place/lines" >>"$place/told" || break
        mv "$place/next" "$place/cursor"
    done
}

printf 'code,name,tier,parent\nC,C,county,\nV,V,village,C\n' >"$place/tree.csv"
"$TERRACE" drill up --tree "$place/tree.csv" --dir "$drill" >/dev/null
total=0
kills=0
echo 0000000000000000000000000000 >"$place/cursor"
: >"$place/told"
while :; do
    drawn=$seed
    awk -v n="$records" -v s="$seed" 'BEGIN {
        for (i = 0; i < n; i++)
            printf "{\"title\":\"%d of %d\",\"place\":\"%d\"}\n", i, s, s
    }' >"$place/file.ndjson"
    import_on || fail "the import did not end: $(cat "$place/said")"
    kills=$((kills + tries))
    total=$((total + records))
    "$TERRACE" -d "$village" export incident --where "place=$seed" >"$place/out" 2>"$place/said" ||
        fail "$(cat "$place/said")"
    here=$(sed 's/"_id":"[0-9a-f]*"//' "$place/out" | sort -u | wc -l)
    all=$(wc -l <"$place/out")
    [ "$here" -eq "$records" ] || fail "$here of $records records are here"
    [ "$all" -eq "$records" ] || fail "$all records of $records lines are here"
    "$TERRACE" drill check --dir "$drill" --wait 60 >"$place/said" 2>&1 ||
        fail "$(cat "$place/said")"
    watch_on || fail "the watch ended"
    told=$(sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' "$place/told" | sort -u | wc -l)
    lines=$(wc -l <"$place/told")
    [ "$told" -eq "$total" ] && [ "$lines" -eq "$total" ] ||
        fail "a watch told $told records in $lines lines, of $total"
    [ "$(date +%s)" -lt "$end" ] || break
    seed=$((seed + 1))
done
echo "imports: $total records exactly once over $kills kills, seeds $first..$seed"
