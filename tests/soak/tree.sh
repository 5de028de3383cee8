#!/bin/sh
# tree.sh SEED SECONDS: a drill whose tree changes at random while everybody writes records of every
# kind: admissions, moves, replacements, revocations, overrulings, cuts and kills; after each few
# `drill check`. Rounds until the time is over.
#
#   TERRACE in the environment; CHANGES a round, 12 unless set.
set -eu
seed=$1
ends=$(($(date +%s) + $2))
changes=${CHANGES:-12}
place=$(mktemp -d /tmp/terrace-tree-XXXXXX)
county=$place/county

finish() {
    [ ! -d "$county" ] || "$TERRACE" drill down --dir "$county" >/dev/null 2>&1 || true
    [ -n "${KEEP:-}" ] || rm -rf "$place"
}
trap finish EXIT

fail() {
    echo "tree: seed $seed: $*" >&2
    [ ! -s "$place/said" ] || tail -20 "$place/said" >&2
    echo "replay: TERRACE=build/terrace sh tests/soak/tree.sh $seed 1"
    exit 1
}

state=$seed
draw() { # N: drawn=0..N-1
    state=$(((state * 1103515245 + 12345) % 2147483648))
    drawn=$((state / 65536 % $1))
}

pick() { # WORDS...: picked=one of them
    draw $#
    shift "$drawn"
    picked=$1
}

act() {
    echo "terrace drill $*" >>"$place/acts"
    "$TERRACE" drill "$@" --dir "$county" >"$place/said" 2>&1 ||
        fail "$* ended with $?; acts: $(cat "$place/acts")"
}

check() {
    act heal --all
    "$TERRACE" drill check --dir "$county" --wait 120 >"$place/said" 2>&1 ||
        fail "check ended with $?; acts: $(cat "$place/acts")"
}

# villages: those that are in force; a stolen one leaves the list
change() {
    draw 13
    case $drawn in
    0 | 1)
        pick $townships
        count=$((count + 1))
        act admit "N$count" "$picked"
        villages="$villages N$count"
        ;;
    2 | 3 | 4 | 5)
        pick $villages
        village=$picked
        pick $townships
        "$TERRACE" drill move "$village" "$picked" --dir "$county" >"$place/said" 2>&1 ||
            grep -q 'stands under' "$place/said" || fail "move $village $picked"
        echo "terrace drill move $village $picked" >>"$place/acts"
        ;;
    6 | 7)
        pick $villages $townships
        act replace "$picked"
        ;;
    8)
        pick $villages
        act revoke "$picked"
        rest=
        for one in $villages; do
            [ "$one" = "$picked" ] || rest="$rest $one"
        done
        villages=$rest
        ;;
    9 | 10)
        pick $villages $townships
        act cut "$picked"
        ;;
    11)
        pick $villages $townships
        act kill "$picked"
        act start "$picked"
        ;;
    12)
        pick $townships
        act overrule "$picked"
        ;;
    esac
}

round() {
    rm -rf "$county" "$place/acts"
    printf 'code,name,tier,parent\nC,c,county,\n' >"$place/tree.csv"
    townships='T1 T2 T3'
    villages=
    count=0
    for township in $townships; do
        echo "$township,$township,township,C" >>"$place/tree.csv"
        for i in 1 2 3; do
            echo "V$township$i,V$township$i,village,$township" >>"$place/tree.csv"
            villages="$villages V$township$i"
        done
    done
    "$TERRACE" drill up --tree "$place/tree.csv" --dir "$county" >/dev/null
    done=0
    while [ "$done" -lt "$changes" ]; do
        "$TERRACE" drill load --dir "$county" --records 200 --rate 400 \
            --seed "$seed$done" >/dev/null &
        load=$!
        change
        [ -z "$load" ] || wait "$load" || fail "load ended with $?"
        done=$((done + 1))
        total=$((total + 1))
        [ $((done % 4)) -ne 0 ] || check
    done
    check
    act down
}

total=0
rounds=0
while :; do
    round
    rounds=$((rounds + 1))
    seed=$((seed + 1))
    state=$seed
    [ "$(date +%s)" -lt "$ends" ] || break
done
echo "$rounds trees, $total changes under load, every check held"
