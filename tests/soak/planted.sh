#!/bin/sh
# planted.sh SEED SECONDS: every bug of docs/planted.md, each within the seeds that stand there; and
# without any bug as many seeds hold. The seeds are always the same: SEED is not used.
set -eu
table=$SOURCE/docs/planted.md
planted=$BUILD_TEST/tests/planted_bugs
limits=$(sed -n 's/^| `\([a-z-]*\)` |.*| *\([0-9][0-9]*\) *|$/\1 \2/p' "$table")
most=0 count=0
for name in $("$planted" --list | cut -f1); do
    case $name in # below
    fork-first-only | late-not-carried | circle-of-the-creation) continue ;;
    placed-as-it-comes | twins-thawed) continue ;;
    esac
    limit=$(echo "$limits" | sed -n "s/^$name //p")
    [ -n "$limit" ] || {
        echo "docs/planted.md has no row for $name"
        exit 1
    }
    [ "$limit" -le "$most" ] || most=$limit
    "$planted" "$name" "$limit" >&2 || {
        echo "replay: build-test/tests/planted_bugs $name $limit"
        exit 1
    }
    count=$((count + 1))
done
if "$BUILD_TEST/tests/planted_forks" 1 20 fork-first-only >&2; then
    echo "replay: build-test/tests/planted_forks 1 20 fork-first-only # must fail"
    exit 1
fi
count=$((count + 1))
for name in placed-as-it-comes twins-thawed; do
    "$BUILD_TEST/tests/tree_random" "$name" 60 >&2 || {
        echo "replay: build-test/tests/tree_random $name 60"
        exit 1
    }
    count=$((count + 1))
done
"$planted" none "$most" >&2 || {
    echo "replay: build-test/tests/planted_bugs none $most"
    exit 1
}
echo "$count planted bugs found, each within its seeds; without one $most seeds held"
