"""Include direction, and one external library a room."""
import os
import re

import gate
import house

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:([<"])([^>"\n]+)[>"])?', re.M)
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.S)


def includes(text):
    """(line, bracket, header) of each; a header that is no literal is None."""
    bare = COMMENT.sub(lambda hit: '\n' * hit.group().count('\n'), text)
    for hit in INCLUDE.finditer(bare):
        yield bare.count('\n', 0, hit.start()) + 1, hit.group(1), hit.group(2)


def judge_own(root, path, header):
    """An include in quotes: a path from the root, in the right direction."""
    if not os.path.isfile(os.path.join(root, header)):
        return 'include by the path from the root; there is no such file'
    if not header.endswith('.h'):
        return 'only headers are included'
    here, there = house.room_of(path), house.room_of(header)
    if here is None:  # tests know everything
        return None
    if there is None:
        return f'nothing in the house includes {header.partition("/")[0]}'
    if there != here and there not in house.ROOMS[here].knows:
        return f'{here} must not know {there}'
    return None


def judge_library(path, header):
    """An include in angle brackets: a library that lives in this room, or the system."""
    here, library = house.room_of(path), house.library_of(header)
    if library is None:
        if header not in house.SYSTEM and not header.startswith(house.SYSTEM_FOLDERS):
            return 'whose header is it? Say so in tests/rules/house.py'
        if here in house.PURE and header not in house.LANGUAGE:
            return f'{here} is pure: no header of the system'
    elif here is not None and library not in house.ROOMS[here].libraries:
        return f'{library} does not live in {here}'
    return None


def rule(root, _build):
    for path in gate.paths(root, ('.c', '.h')):
        for line, bracket, header in includes(gate.read(root, path)):
            if header is None:
                wrong = 'an include names its header'
            elif bracket == '"':
                wrong = judge_own(root, path, header)
            else:
                wrong = judge_library(path, header)
            if wrong:
                yield f'{path}:{line}: {header}: {wrong}'


RIGHT = {
    'base/a.h': '#include <stdint.h>\n/*\n#include "cli/a.h"\n*/\n',
    'schema/a.h': '#include "base/a.h"\n',
    'replication/a.h': '#include "schema/a.h"\n#include <zstd.h>\n',
    'node/store/a.h': '#include <lmdb.h>\n#include "replication/a.h"\n#include <sys/stat.h>\n',
    'node/loop/a.h': '#include <uv.h>\n',
    'node/link/a.h': '#include "node/loop/a.h"\n#include <nng/nng.h>\n',
    'node/a.h': '#include "node/link/a.h"\n#include "node/store/a.h"\n',
    'sim/world/a.h': '#include "replication/a.h"\n',
    'cli/drill/a.h': '#include "node/a.h"\n#include <jansson.h>\n',
    'tests/unit/a.h': '#include <lmdb.h>\n#include "sim/world/a.h"\n#include "cli/drill/a.h"\n',
}


def with_line(path, line):
    return {**RIGHT, path: RIGHT[path] + line + '\n'}


PLANTS = (
    gate.Plant('all right', RIGHT),
    gate.Plant('upwards', with_line('base/a.h', '#include "schema/a.h"'),
               ('base/a.h:5: schema/a.h: base must not know schema',)),
    gate.Plant('core to node', with_line('replication/a.h', '#  include "node/a.h"'),
               ('replication must not know node',)),
    gate.Plant('node to sim', with_line('node/a.h', '#include "sim/world/a.h"'),
               ('node must not know sim/world',)),
    gate.Plant('sim to node', with_line('sim/world/a.h', '#include "node/store/a.h"'),
               ('sim/world must not know node/store',)),
    gate.Plant('room to room', with_line('node/store/a.h', '#include "node/link/a.h"'),
               ('node/store must not know node/link',)),
    gate.Plant('node to cli', with_line('node/a.h', '#include "cli/drill/a.h"'),
               ('node must not know cli',)),
    gate.Plant('tests', with_line('cli/drill/a.h', '#include "tests/unit/a.h"'),
               ('nothing in the house includes tests',)),
    gate.Plant('library elsewhere', with_line('node/link/a.h', '#include <lmdb.h>'),
               ('lmdb does not live in node/link',)),
    gate.Plant('folder of a library', with_line('schema/a.h', '#include <msgpack/pack.h>'),
               ('msgpack does not live in schema',)),
    gate.Plant('system in a pure room', with_line('replication/a.h', '#include <time.h>'),
               ('replication is pure',)),
    gate.Plant('unknown library', with_line('cli/drill/a.h', '#include <curl/curl.h>'),
               ('whose header is it?',)),
    gate.Plant('not from the root', with_line('node/store/a.h', '#include "a.h"'),
               ('include by the path from the root',)),
    gate.Plant('source', {**with_line('schema/a.h', '#include "base/a.c"'), 'base/a.c': ''},
               ('only headers are included',)),
    gate.Plant('macro', with_line('schema/a.h', '#include HEADER'),
               ('an include names its header',)),
)

if __name__ == '__main__':
    gate.main(rule, PLANTS)
