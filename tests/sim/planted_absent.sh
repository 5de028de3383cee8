#!/bin/sh
# planted_absent.sh PLANTED_BUGS TERRACE: the program that people get has none of the planted bugs:
# neither their variable nor their names, while the program that tries them has both.
set -eu
planted=$1 terrace=$2
nm "$planted" | grep -q planted_now || {
    echo "the planted bugs' own program has no planted_now: this test sees nothing"
    exit 1
}
if nm "$terrace" | grep planted_; then
    echo "$terrace: a planted bug can be chosen"
    exit 1
fi
"$planted" --list | cut -f2 | while IFS= read -r meaning; do
    grep -q -F "$meaning" "$planted"
    if grep -q -F "$meaning" "$terrace"; then
        echo "$terrace: $meaning"
        exit 1
    fi
done
echo "$("$planted" --list | wc -l) planted bugs, none in $terrace"
