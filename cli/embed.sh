#!/bin/sh
# embed.sh NAME FILE: prints C that holds the file's bytes as NAME and NAME_size.
set -eu
printf '#include <stddef.h>\nextern const unsigned char %s[];\nextern const size_t %s_size;\n' \
    "$1" "$1"
printf 'const unsigned char %s[] = {\n' "$1"
od -An -v -tx1 "$2" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
printf '};\nconst size_t %s_size = sizeof %s;\n' "$1" "$1"
