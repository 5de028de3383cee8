#!/bin/sh
# expectations.sh TERRACE: each kind of expectation fails where what it asks for can't be, each step
# that expects something else is told with its line, and the same seed gives the same trace.
set -u
terrace=$1
failed=0

# status NAME WORDS ARGUMENTS...: exit status 1, and the words are said
broken() {
    words=$1
    shift
    said=$("$terrace" sim run "$@" 2>/dev/null)
    status=$?
    if [ "$status" -ne 1 ] || ! printf '%s' "$said" | grep -q "$words"; then
        printf '%s: exit status %s, expected 1 and "%s":\n%s\n' "$*" "$status" "$words" "$said"
        failed=1
    fi
}

broken 'everybody was equal only' parent-wiped --set 'expect=[{equal: 1 ms}]'
broken 'figures were as old' parent-wiped --set 'expect=[{age: 1 min}]'
broken 'entries waited' parent-wiped --set 'expect=[{backlog: 0}]'
broken 'bytes crossed' parent-wiped --set 'expect=[{bytes: 1 kB, tier: village}]'
broken 'a directive was not' middle-restarts-in-a-chain --set 'expect=[{urgent: 1 ms}]'
broken 'no urgent stream to poison' poison-in-urgent --set 'faults=[{fault: poison, tier: village}]'
broken 'line 22: s of r' scenarios/histories/01-authority.yaml \
    --set 'steps.3.together.1.set.fields.s=v2'

# The work is a child's; a crash is that child's end.
"$terrace" sim run county-two-days >/dev/null 2>&1 &
parent=$!
child=
while [ -z "$child" ] && kill -0 "$parent" 2>/dev/null; do
    child=$(cat "/proc/$parent/task/$parent/children")
done
kill -SEGV $child
wait "$parent"
status=$?
if [ "$status" -ne 6 ]; then
    printf 'a crash: exit status %s, expected 6\n' "$status"
    failed=1
fi

trace() {
    "$terrace" sim run swizzled-cuts --seed "$1" --json 2>/dev/null |
        sed 's/.*"trace": *"\([^"]*\)".*/\1/'
}
first=$(trace 7)
again=$(trace 7)
other=$(trace 8)
if [ "$first" != "$again" ] || [ "$first" = "$other" ] || [ "${#first}" -ne 64 ]; then
    printf 'traces: %s, again %s, of another seed %s\n' "$first" "$again" "$other"
    failed=1
fi
exit "$failed"
