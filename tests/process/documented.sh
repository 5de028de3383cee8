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

# until_holds COMMAND...: asked again until it succeeds, for five minutes.
until_holds() {
    end=$(($(date +%s) + 300))
    until "$@" >../said 2>&1; do
        [ "$(date +%s)" -lt $end ] || fail "never held: $* ($(cat ../said))"
        sleep 0.1
    done
}

after_block() {
    :
}

# A port that nobody uses, of those that the kernel gives to no outgoing connection.
free_port() {
    port=$((10000 + $$ * 7 % 20000))
    while grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf '%04X' $port) " /proc/net/tcp /proc/net/tcp6; do
        port=$((port + 1))
    done
    echo $port
}

# Blocks, one file each: ../block-N, and what they told: ../told-N. Another test may hold the port
# that the document names.
run_blocks() {
    sed "s/127\.0\.0\.1:[0-9][0-9]*/127.0.0.1:$(free_port)/g" "$document" |
        awk '/^```sh$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > ("../block-" n) }'
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
