#!/bin/sh
# embed.sh NAME FILE [NAME FILE]...: prints C that holds each file, compressed with zstd, as
# page_NAME, with page_NAME_size (compressed) and page_NAME_length (as it was).
set -eu
printf '#include "sim/report/page_files.h"\n'
while [ $# -ge 2 ]; do
    printf 'const unsigned char page_%s[] = {\n' "$1"
    zstd -q -19 --no-check -c "$2" | od -An -v -tx1 | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    printf '};\nconst size_t page_%s_size = sizeof page_%s;\n' "$1" "$1"
    printf 'const size_t page_%s_length = %s;\n' "$1" "$(wc -c <"$2" | tr -d ' ')"
    shift 2
done
