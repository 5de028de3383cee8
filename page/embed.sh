#!/bin/sh
# embed.sh NAME FILE [NAME FILE]...: prints C that holds each file, compressed with zstd, as the
# struct page_file page_NAME.
set -eu
printf '#include "page/page.h"\n'
while [ $# -ge 2 ]; do
    printf 'extern const struct page_file page_%s;\n' "$1"
    printf 'static const unsigned char bytes_of_%s[] = {\n' "$1"
    zstd -q -19 --no-check -c "$2" | od -An -v -tx1 | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    printf '};\nconst struct page_file page_%s = {bytes_of_%s, sizeof bytes_of_%s, %s};\n' \
        "$1" "$1" "$1" "$(wc -c <"$2" | tr -d ' ')"
    shift 2
done
