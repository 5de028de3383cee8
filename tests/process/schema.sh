#!/bin/sh
# schema.sh TERRACE DOCUMENT: the commands of docs/schema.md as they stand, in their order, in an
# empty directory; then two versions of the types in one tree whose link is down.
set -eu
. "$(dirname "$0")/documented.sh"

has_gone() {
    ! kill -0 "$1" 2>/dev/null
}

stop() { # stop NODE [-9]
    [ -e "$1/node.lock" ] || return 0
    process=$(cat "$1/node.lock")
    kill ${2:-} "$process" 2>/dev/null || return 0
    until_holds has_gone "$process"
}

says() { # says WORDS COMMAND...
    words=$1
    shift
    "$@" 2>&1 | grep -q -- "$words"
}

run_blocks 7

# what the document says of them
says 'shown   *visit *its labels change' terrace schema diff visits.yaml visits2.yaml ||
    fail "diff doesn't tell labels"
says 'the type is new' cat ../told-6 || fail "$(cat ../told-6)"
says 'visit: 1 records here' cat ../told-6 || fail "$(cat ../told-6)"
terrace -d county schema show >shown.yaml
terrace schema check shown.yaml >/dev/null || fail "what is shown doesn't compile"
says 'nothing changes' terrace -d county schema diff shown.yaml || fail "what is shown differs"
says '12.50' terrace -d county list visit || fail "a decimal isn't shown as it was written"
says '2025-06-30' terrace -d county list visit --where cost=12.5 --where day=2025-06-30 ||
    fail "a decimal and a day aren't found"
! terrace -d county put visit cost=1 2>/dev/null || fail "a required field is missing"
! terrace -d county put visit note=x cost=1.005 2>/dev/null || fail "three decimal places"
sed 's/version: 2/version: 3/; s/kind: date/kind: time/' visits2.yaml >wrong.yaml
! terrace -d county schema new wrong.yaml --out wrong.draft 2>wrong.txt || fail "a kind changed"
grep -q 'for life' wrong.txt || fail "$(cat wrong.txt)"
! terrace -d county schema new visits2.yaml --out again.draft 2>/dev/null || fail "the same version"

# two versions in one tree: the village is off while the third is published
token=$(terrace -d county --json topology invite V1 --key li.key --passphrase-file phrase |
    sed 's/.*"token":"//; s/".*//')
terrace -d village join "$token" --map-mib 64 >/dev/null
terrace -d village run --log-file village.log &
until_holds terrace -d village status
until_holds says matter terrace -d village schema show
id=$(terrace -d village put matter title="a wall" | cut -d ' ' -f 1)
until_holds terrace -d county get matter "$id"
stop village
sed 's/version: 2/version: 3/; s/length_max: 200/length_max: 9/
    s/      day: .*/      place: {number: 4, kind: text}/' visits2.yaml >visits3.yaml
terrace -d county schema new visits3.yaml --out types.draft >/dev/null
terrace -d county schema sign types.draft --key li.key --passphrase-file phrase >/dev/null
terrace -d county schema publish types.draft >/dev/null
! terrace -d county put matter title="longer than nine" 2>/dev/null || fail "still version 2"
terrace -d county set matter "$id" title="short" >/dev/null
stop county
terrace -d village run --log-file village.log &
until_holds terrace -d village status
long=$(terrace -d village put matter title="longer than nine" | cut -d ' ' -f 1)
terrace -d village set matter "$id" title="as long as version 2 takes" >/dev/null
terrace -d county run --log-file county.log &
until_holds says 'longer than nine' terrace -d county get matter "$long"
until_holds says 'version: 3' terrace -d village schema show
until_holds says short terrace -d village get matter "$id"
until_holds says 'as long as version 2 takes' terrace -d county conflicts
until_holds says 'as long as version 2 takes' terrace -d village conflicts
! terrace -d village put matter title="longer than nine" 2>/dev/null || fail "the village is behind"
! terrace -d village put visit note=x day=2025-06-30 2>/dev/null || fail "a field that has ended"
says '2025-06-30' terrace -d county --json list visit || fail "an old value is gone"
for node in county village; do
    says '"parked":0' terrace -d $node --json status || fail "$(terrace -d $node --json status)"
done

# a telephone number leaves the county, and a node that dies right after stays without it
number=13812345678
person=$(terrace -d county put matter title="a fence" phone=$number | cut -d ' ' -f 1)
says $number terrace -d county get matter "$person" || fail "a private field isn't shown"
visit=$(terrace -d county put visit note="a wall" | cut -d ' ' -f 1)
! terrace -d county erase visit "$visit" 2>wrong.txt || fail "erased where nobody's data is"
grep -q "no person's data" wrong.txt || fail "$(cat wrong.txt)"
terrace -d county erase matter "$person" phone --reason "asked for" >/dev/null
stop county -9
terrace -d county run --log-file county.log &
until_holds terrace -d county status
says 'phone *erased' terrace -d county get matter "$person" || fail "it isn't erased"
says 'a fence' terrace -d county get matter "$person" || fail "what nobody asked for is erased"
! says $number terrace -d county --json list matter || fail "the number is listed"
says erased terrace -d county history matter "$person" || fail "the history doesn't say so"
! terrace -d county erase matter "$person" phone 2>wrong.txt || fail "erased twice"
stop county
terrace -d county verify >/dev/null || fail "a store with holes isn't sound"
echo "schema: well"
