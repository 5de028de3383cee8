#!/bin/sh
# traces.sh SEED SECONDS: the same seeds give the same bytes: twice under gcc with sanitizers, once
# optimised, once under clang. The swarm's own account is compared; it has the hash of each trace.
set -eu
seed=$1
end=$(($(date +%s) + $2))
first=$seed
said=$(mktemp -d "${TMPDIR:-/tmp}/terrace-traces-XXXXXX")
trap 'rm -rf "$said"' EXIT
compilers=gcc
if command -v clang >/dev/null 2>&1; then
    [ -f "$BUILD_FUZZ-clang/build.ninja" ] || CC=clang meson setup "$BUILD_FUZZ-clang" "$SOURCE" \
        --buildtype=debugoptimized -Dtests=false >&2
    ninja -C "$BUILD_FUZZ-clang" terrace >&2
    compilers='gcc and clang'
fi
while :; do
    last=$((seed + 4))
    for program in "$TERRACE" "$BUILD_TEST/terrace" "$BUILD_FUZZ-clang/terrace"; do
        [ -x "$program" ] || continue
        "$program" sim swarm --seeds "$seed..$last" --all >"$said/now" || :
        [ -f "$said/first" ] || mv "$said/now" "$said/first"
        [ ! -f "$said/now" ] || diff "$said/first" "$said/now" >&2 || {
            echo "replay: $program sim swarm --seeds $seed..$last --all"
            exit 1
        }
    done
    rm -f "$said/first"
    seed=$((last + 1))
    [ "$(date +%s)" -lt "$end" ] || break
done
echo "$((seed - first)) seeds have one trace under $compilers, $first..$last"
