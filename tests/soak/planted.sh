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
    private-with-record | backup-clear) continue ;;
    begun-by-anybody | twin-left-out | late-forgotten | heir-counted-twice) continue ;;
    report-parts-early | moved-counts-twice | silent-is-complete) continue ;;
    erase-comes-back | erase-keeps-carried | strike-forgotten) continue ;;
    rises-on-suspect-clock | every-member-rises) continue ;;
    cut-off-ignored | cut-off-not-refolded) continue ;;
    bulk-in-emergency | peace-unheard | order-as-it-comes) continue ;;
    heir-silent | limit-refuses | from-unchecked | from-as-found) continue ;;
    cut-takes-a-name) continue ;;
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
for name in cut-off-ignored cut-off-not-refolded; do
    "$BUILD_TEST/tests/planted_orders" 1 30 3 "$name" >&2 || {
        echo "replay: build-test/tests/planted_orders 1 30 3 $name"
        exit 1
    }
    count=$((count + 1))
done
for name in rises-on-suspect-clock every-member-rises; do
    "$BUILD_TEST/tests/planted_rise" "$name" >&2 || {
        echo "replay: build-test/tests/planted_rise $name"
        exit 1
    }
    count=$((count + 1))
done
for told in bulk-in-emergency:emergency-by-a-cut-off-township \
    peace-unheard:emergency-by-a-cut-off-township \
    order-as-it-comes:emergency-by-a-cut-off-township heir-silent:the-heir-counts \
    cut-takes-a-name:a-name-used-behind-a-cut-off \
    limit-refuses:histories/06-the-fourth-attempt \
    from-unchecked:histories/04-close-against-dispatch \
    from-as-found:histories/04-close-against-dispatch; do
    "$BUILD_TEST/tests/planted_scenarios" "${told%%:*}" \
        "$SOURCE/scenarios/${told#*:}.yaml" >&2 || {
        echo "replay: build-test/tests/planted_scenarios ${told%%:*} scenarios/${told#*:}.yaml"
        exit 1
    }
    count=$((count + 1))
done
for name in bulk-in-emergency peace-unheard limit-refuses from-unchecked from-as-found; do
    "$planted" "$name" 40 1001 >&2 || {
        echo "replay: build-test/tests/planted_bugs $name 40 1001"
        exit 1
    }
done
for name in void-kept first-come-wins; do
    if "$BUILD_TEST/tests/planted_workflow" "$name" >&2; then
        echo "replay: build-test/tests/planted_workflow $name # must fail"
        exit 1
    fi
    count=$((count + 1))
done
for leak in private-with-record:16-a-public-and-a-private-field \
    backup-clear:16-kept-by-the-parent; do
    "$BUILD_TEST/tests/planted_stories" "${leak%%:*}" \
        "$SOURCE/tests/story/${leak#*:}.story" >&2 || {
        echo "replay: build-test/tests/planted_stories ${leak%%:*} ..."
        exit 1
    }
    count=$((count + 1))
done
for bug in begun-by-anybody:16-a-companion-begun-later twin-left-out:16-a-companion-begun-later \
    erase-comes-back:48-erased-and-it-comes-back erase-keeps-carried:48-erased-and-it-comes-back \
    strike-forgotten:48-sealed-copies-are-struck \
    late-forgotten:37-one-report-is-one-unit heir-counted-twice:37-one-report-is-one-unit \
    report-parts-early:37-a-report-in-parts silent-is-complete:37-one-report-is-one-unit \
    moved-counts-twice:j-figures-of-a-moved-village; do
    if "$BUILD_TEST/tests/planted_stories" "${bug%%:*}" \
        "$SOURCE/tests/story/${bug#*:}.story" >&2; then
        echo "replay: build-test/tests/planted_stories ${bug%%:*} ... # must fail"
        exit 1
    fi
    count=$((count + 1))
done
"$planted" none "$most" >&2 || {
    echo "replay: build-test/tests/planted_bugs none $most"
    exit 1
}
echo "$count planted bugs found, each within its seeds; without one $most seeds held"
