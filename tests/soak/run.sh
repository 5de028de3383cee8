#!/bin/sh
# run.sh MINUTES [PART...]: the parts of this folder in turn, each with its share of the time, until
# the time is over; every part at least once. One line a part, one summary; the first failure ends
# it with that part's last lines and the command that repeats it.
#
# A part is NAME.sh SEED SECONDS: at least one unit of work, then no more after so many seconds.
# It ends with one line of what held; a failure ends with `replay: COMMAND`.
# Environment: SOURCE, TERRACE (release binary), BUILD_TEST (under sanitizers), BUILD_FUZZ.
set -eu
minutes=${1:?"usage: run.sh MINUTES [PART...]"}
shift
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
: "${SOURCE:?}" "${TERRACE:?}" "${BUILD_TEST:?}" "${BUILD_FUZZ:?}"
if [ $# -eq 0 ]; then
    for script in "$here"/*.sh; do
        name=$(basename "$script" .sh)
        [ "$name" = run ] || set -- "$@" "$name"
    done
fi
for name in "$@"; do
    [ -f "$here/$name.sh" ] || {
        echo "soak: there is no part \"$name\"; parts: $(cd "$here" && echo [!r]*.sh r[!u]*.sh)" >&2
        exit 2
    }
done

logs=$(mktemp -d "${TMPDIR:-/tmp}/terrace-soak-XXXXXX")
began=$(date +%s)
end=$((began + minutes * 60))
share=$((minutes * 60 / $#))
[ "$share" -ge 10 ] || share=10
[ "$share" -le 300 ] || share=300
seed=${SOAK_SEED:-$began}
runs=0
now=$began
while [ "$runs" -eq 0 ] || [ "$now" -lt "$end" ]; do
    for name in "$@"; do
        now=$(date +%s)
        if [ "$runs" -ge $# ] && [ "$now" -ge "$end" ]; then
            break
        fi
        status=0
        sh "$here/$name.sh" "$seed" "$share" >"$logs/$name.out" 2>"$logs/$name.err" || status=$?
        if [ "$status" -ne 0 ]; then
            tail -n 60 "$logs/$name.err" >&2
            tail -n 40 "$logs/$name.out"
            if ! grep -q '^replay: ' "$logs/$name.out"; then
                echo "replay: SOAK_SEED=$seed ./dev soak --minutes 1 $name"
            fi
            echo "soak: $name failed with status $status; its output is in $logs"
            exit 1
        fi
        runs=$((runs + 1))
        printf '%s: %s (%s s)\n' "$name" "$(tail -n 1 "$logs/$name.out")" "$(($(date +%s) - now))"
        seed=$((seed + 100000))
    done
    now=$(date +%s)
done
rm -rf "$logs"
echo "soak: all held: $runs runs of $# parts in $(((now - began) / 60)) minutes, seeds from $began"
