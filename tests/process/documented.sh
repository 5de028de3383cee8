# documented.sh: the commands of a document run as they stand, in their order, in an empty
# directory.
# Read by the scripts beside it (`. documented.sh`), with $1 the program and $2 the document; then
# run_blocks LEAST. A node that a block starts in the background is waited for; after_block N, where
# the script has such a function, waits for more.
program=$1
document=$(realpath "$2")
script=$(basename "$0" .sh)
place=$(mktemp -d "${TMPDIR:-/tmp}/terrace-$script-XXXXXX")
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
    echo "$script: $*"
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

after_block() {
    :
}

# Blocks, one file each: ../block-N, and what they told: ../told-N
run_blocks() {
    awk '/^```sh$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > ("../block-" n) }' \
        "$document"
    count=$(ls ../block-* | wc -l)
    [ "$count" -ge "$1" ] || fail "only $count blocks of commands"
    n=1
    while [ $n -le "$count" ]; do
        sh -eu "../block-$n" >"../told-$n" 2>&1 </dev/null || {
            cat "../block-$n" "../told-$n"
            fail "block $n ended with an error"
        }
        for node in $(sed -n 's/^terrace -d \([a-z0-9]*\) run .*&$/\1/p' "../block-$n"); do
            until_holds terrace -d "$node" status
        done
        after_block "$n"
        n=$((n + 1))
    done
}
