#!/bin/sh
# hostile_rates.sh SEED SECONDS: how fast an honest village's records rise to its township, quiet
# and under each attack, least of three in turn, and the ratio: below half is a failure. Rounds
# until the time is over.
#
#   SOURCE, TERRACE, BUILD_TEST in the environment; the seed only names the round in the output.
set -eu
seed=$1
ends=$(($(date +%s) + $2))
records=${RECORDS:-20000}
attack=$BUILD_TEST/tests/attack
place=$(mktemp -d /tmp/terrace-rates-XXXXXX)
county=$place/county
attacker=''
export ASAN_OPTIONS=detect_leaks=0

finish() {
    [ -z "$attacker" ] || kill "$attacker" 2>/dev/null || true
    [ ! -d "$county" ] || "$TERRACE" drill down --dir "$county" >/dev/null 2>&1 || true
    rm -rf "$place"
}
trap finish EXIT

fail() {
    echo "hostile rates: $*" >&2
    echo "replay: SOURCE=. TERRACE=build/terrace BUILD_TEST=build-test" \
        "sh tests/soak/hostile_rates.sh $seed 1"
    exit 1
}

number() { # NODE KEY: a number of its status
    "$TERRACE" -d "$county/$1" --json status | sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p"
}

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}

# The records are written while the village is cut off; then the time until the township has them.
rise_ms() {
    "$TERRACE" drill cut --dir "$county" V1 >/dev/null
    "$TERRACE" drill load --dir "$county" --records "$records" --at V1 --type incident \
        >/dev/null 2>&1
    target=$(number V1 records)
    [ -z "${1:-}" ] || {
        nice -n 10 "$attack" "$county/V2" "$1" 3600 >"$place/attack.log" 2>&1 &
        attacker=$!
    }
    began=$(milliseconds)
    "$TERRACE" drill heal --dir "$county" V1 >/dev/null
    while [ "$(number T1 records)" -lt "$target" ]; do
        [ $(($(milliseconds) - began)) -lt 120000 ] || fail "under $1 the records don't rise"
    done
    took=$(($(milliseconds) - began))
    [ -z "${1:-}" ] || {
        kill -0 "$attacker" 2>/dev/null || fail "$1 ended: $(tail -n 3 "$place/attack.log")"
        kill "$attacker"
        wait "$attacker" 2>/dev/null || true
        attacker=''
    }
}

cat >"$place/tree.csv" <<'TREE'
code,name,tier,parent
C,county,county,
T1,township,township,C
V1,honest,village,T1
V2,stolen,village,T1
TREE
"$TERRACE" drill up --tree "$place/tree.csv" --dir "$county" >/dev/null 2>&1 || fail "no drill"
"$TERRACE" drill kill --dir "$county" V2 >/dev/null

rounds=0
said=''
while [ "$rounds" -eq 0 ] || [ "$(date +%s)" -lt "$ends" ]; do
    for kind in connections handshakes malformed damaged; do
        quiet=999999
        loud=999999
        for _ in 1 2 3; do
            rise_ms
            [ "$took" -ge "$quiet" ] || quiet=$took
            rise_ms "$kind"
            [ "$took" -ge "$loud" ] || loud=$took
        done
        ratio=$((quiet * 100 / (loud > 0 ? loud : 1)))
        said="$said $kind $ratio%"
        echo "seed $seed: $records records: quiet $quiet ms, under $kind $loud ms: $ratio %" >&2
        [ "$ratio" -ge 50 ] || low="${low:-} $kind=$ratio%"
    done
    rounds=$((rounds + 1))
done
[ -z "${low:-}" ] || fail "less than half the rate:$low"
echo "hostile rates: $rounds rounds, of the quiet rate:$said"
