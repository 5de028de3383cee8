#!/bin/sh
# administer.sh TERRACE DOCUMENT: the commands of docs/administer.md as they stand, in their order,
# in an empty directory; and that in the end it is as the document says.
set -eu
. "$(dirname "$0")/documented.sh"

has_new_key() {
    terrace -d "$1" status | grep -q 'this machine has a new key'
}

has_escrow() {
    terrace -d "$1" --json topology show V1 | grep -q '"escrow":true'
}

is_kept() {
    terrace -d village2 history mediation "$1" | grep -q 'sealed   C .*keeps a copy'
}

after_block() {
    if grep -q -- 'newkey.txt --key' "../block-$1"; then
        until_holds has_new_key village3
    fi
    if grep -q -- 'topology escrow V1' "../block-$1"; then
        until_holds has_escrow village2
    fi
    if grep -q -- '> case.txt' "../block-$1"; then
        until_holds is_kept "$(cut -d ' ' -f 1 case.txt)"
    fi
}

run_blocks 10

count_is() {
    [ "$(terrace -d "$1" --json list incident | grep -c '"id"')" = "$2" ]
}
until_holds count_is county 3
until_holds count_is village4 3
came_back() {
    terrace -d village4 list mediation | grep -q 'a debt between two brothers'
}
until_holds came_back
terrace -d county topology show | grep -q '列夕村' || fail "the second village isn't in the tree"
terrace -d county --json topology show V1 | grep -q '"generation":3' || fail "V1 has its old keys"
terrace -d county --json topology show V2 | grep -q '"generation":2' || fail "V2 has its old key"
[ "$(terrace -d village3 --json list mediation | grep -c '"id"')" = 2 ] || fail "V2 lost its own"
[ "$(terrace -d village3 quarantine | grep -c retired)" = 0 ] || fail "V2 lost what it wrote"
terrace -d village3 verify >../said 2>&1 || fail "V2 isn't sound: $(cat ../said)"
waits() { # NODE: a new root by hand
    terrace -d "$1" --json status | grep -q '"root_waits"'
}
until_holds waits village4
if waits county || waits village3; then
    fail "a root that was confirmed still waits"
fi
lent() { terrace -d village4 key lent | cut -d ' ' -f 1; }
print=$(terrace key show v1.escrow | sed -n 's/^fingerprint *//p')
terrace key new other.escrow --escrow --passphrase-file phrase >/dev/null
terrace -d village4 key lend other.escrow --passphrase-file phrase >/dev/null
terrace -d village4 key lend v1.escrow --passphrase-file phrase >/dev/null
[ "$(lent | wc -l)" = 2 ] || fail "two keys are lent, and listed are: $(lent)"
terrace -d village4 key return "$print" | grep -q "$print" || fail "the key isn't returned"
[ "$(lent)" = "$(terrace key show other.escrow | sed -n 's/^fingerprint *//p')" ] ||
    fail "the other key isn't kept: $(lent)"
terrace -d village4 key return "$print" >../said 2>&1 && fail "a key that isn't there is returned"
grep -q 'key lent' ../said || fail "it isn't said what to do: $(cat ../said)"
echo "administer: $count blocks"
