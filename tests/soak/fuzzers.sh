#!/bin/sh
# fuzzers.sh SEED SECONDS: every fuzzer under libFuzzer for its share of the time.
set -eu
targets=$(ls "$SOURCE"/tests/fuzz/fuzz_*.c | wc -l)
share=$(($2 / targets))
[ "$share" -ge 2 ] || share=2
status=0
sh "$SOURCE/tests/fuzz/soak.sh" "$share" "$BUILD_FUZZ" 2>"$BUILD_FUZZ.log" || status=$?
cat "$BUILD_FUZZ.log" >&2
case $status in
0) ;;
77) echo "left out: clang isn't there" && exit 0 ;;
*)
    echo "replay: sh tests/fuzz/soak.sh $share # the input named above lies in build-fuzz/found"
    exit 1
    ;;
esac
cases=$(sed -n 's/^soak: cases //p' "$BUILD_FUZZ.log" | awk '{ sum += $1 } END { print sum }')
echo "$cases cases in $targets fuzzers, $share s each"
