#!/bin/sh
# soak.sh SECONDS [BUILD]: every fuzz target under libFuzzer and the sanitizers for so long, from
# its corpus on. What it finds new stays in BUILD/found/TARGET; a crash ends it, and its input lies
# there.
# Needs clang and libclang-rt-dev; without clang it says so and ends with 77.
set -eu
seconds=${1:?"usage: soak.sh SECONDS [BUILD]"}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
build=${2:-$root/build-fuzz}
command -v clang >/dev/null 2>&1 || {
    echo "soak: clang is missing, so libFuzzer is; apt-get install clang libclang-rt-dev" >&2
    exit 77
}

if [ ! -f "$build/build.ninja" ]; then
    CC=clang meson setup "$build" "$root" -Dfuzzers=true -Db_lundef=false \
        -Db_sanitize=address,undefined >&2
fi
targets=$(cd "$root/tests/fuzz" && ls fuzz_*.c | sed 's/\.c$//')
# shellcheck disable=SC2086 # words on purpose
ninja -C "$build" $(printf 'tests/%s ' $targets) >&2

for target in $targets; do
    name=${target#fuzz_}
    found=$build/found/$name
    mkdir -p "$found"
    echo "soak: $name, $seconds seconds" >&2
    "$build/tests/$target" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=4096 \
        -artifact_prefix="$found/crash-of-" -print_final_stats=1 \
        "$found" "$root/tests/fuzz/corpus/$name" >"$build/found/$name.log" 2>&1 || {
        tail -n 40 "$build/found/$name.log" >&2
        echo "soak: $name failed; its input is $found/crash-of-*" >&2
        exit 1
    }
    sed -n 's/^stat::number_of_executed_units: */soak: cases /p' "$build/found/$name.log" >&2
done
