#!/bin/sh
# page_corruption.sh SEED SECONDS: one page of a node's database is damaged a round, and everything
# is read back. Environment: TERRACE the program, BUILD_TEST where the tests are built.
set -eu
seed=$1
seconds=$2
program=${BUILD_TEST:-build-test}/tests/page_corruption
rounds=${ROUNDS:-1000000}
output=$(mktemp)
trap 'rm -f "$output"' EXIT
if "$program" "${TERRACE:-build/terrace}" "$seed" "$rounds" "$seconds" >"$output" 2>&1; then
    tail -n 1 "$output"
else
    cat "$output" >&2
    failed=$(sed -n 's/^pages: \([0-9][0-9]*\) damaged.*/\1/p' "$output" | tail -n 1)
    echo "replay: ROUNDS=$((${failed:-0} + 1)) tests/soak/page_corruption.sh $seed 86400"
    exit 1
fi
