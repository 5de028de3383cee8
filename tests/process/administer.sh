#!/bin/sh
# administer.sh TERRACE DOCUMENT: the commands of docs/administer.md as they stand, in their order,
# in an empty directory; and that in the end it is as the document says.
set -eu
program=$1
document=$(realpath "$2")
place=$(mktemp -d "${TMPDIR:-/tmp}/terrace-administer-XXXXXX")
mkdir "$place/bin" "$place/work"
ln -s "$(realpath "$program")" "$place/bin/terrace"
PATH=$place/bin:$PATH
unset TERRACE_DIR
cd "$place/work"

leave() {
    for lock in */node.lock; do
        [ -e "$lock" ] || continue
        kill -9 "$(cat "$lock")" 2>/dev/null || true
    done
    rm -rf "$place"
}
trap leave EXIT

fail() {
    echo "administer: $*"
    for log in *.log; do
        [ -e "$log" ] && tail -n 20 "$log"
    done
    exit 1
}

# until_holds COMMAND...: asked again until it succeeds, for a minute.
until_holds() {
    tries=600
    until "$@" >../said 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || fail "never held: $* ($(cat ../said))"
        sleep 0.1
    done
}

# Blocks, one file each: ../block-N
awk '/^```sh$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > ("../block-" n) }' "$document"
count=$(ls ../block-* | wc -l)
[ "$count" -ge 10 ] || fail "only $count blocks of commands"
n=1
while [ $n -le "$count" ]; do
    sh -eu "../block-$n" >"../told-$n" 2>&1 </dev/null || {
        cat "../block-$n" "../told-$n"
        fail "block $n ended with an error"
    }
    for node in $(sed -n 's/^terrace -d \([a-z0-9]*\) run .*&$/\1/p' "../block-$n"); do
        until_holds terrace -d "$node" status
    done
    n=$((n + 1))
done

count_is() {
    [ "$(terrace -d "$1" --json list incident | grep -c '"id"')" = "$2" ]
}
until_holds count_is county 2
until_holds count_is village2 2
terrace -d county topology show | grep -q '列夕村' || fail "the second village isn't in the tree"
terrace -d county --json topology show V1 | grep -q '"generation":2' || fail "V1 has its old keys"
echo "administer: $count blocks"
