#!/bin/sh
# embed.sh FILE...: prints C that holds the files' bytes as rows of shipped_files[], by their names
# without folders; the last row has no name.
set -eu
printf '#include "cli/sim/shipped.h"\n'
i=0
for file in "$@"; do
    printf 'static const unsigned char bytes_%d[] = {\n' "$i"
    od -An -v -tx1 "$file" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    printf '};\n'
    i=$((i + 1))
done
printf 'const struct shipped_file shipped_files[] = {\n'
i=0
for file in "$@"; do
    printf '    {"%s", bytes_%d, sizeof bytes_%d},\n' "${file##*/}" "$i" "$i"
    i=$((i + 1))
done
printf '    {0},\n};\n'
