"""Purity by imported symbols: base, schema, topology and replication touch memory alone.

A symbol that their objects import must be of a room below, or on the lists in house.py: no I/O, no
clock, no randomness, no environment. What they keep between calls they keep in what the caller
owns: no variable of their own that changes.
"""
import os
import re

import gate
import house

FORTIFIED = re.compile(r'__(\w+)_chk$')  # what -D_FORTIFY_SOURCE makes of a call
CHANGING = ('.data', '.bss', '.tdata', '.tbss', '*COM*')  # sections
CONSTANT = '.data.rel.ro'  # constants that hold pointers


def symbols(path):
    """(imported names, defined global names, names of variables that can change)."""
    imported, defined, kept = set(), set(), set()
    for line in gate.run('nm', '--format=sysv', path).splitlines():
        parts = [part.strip() for part in line.split('|')]
        if len(parts) != 7:
            continue
        name, kind, form, section = parts[0], parts[2], parts[3], parts[6]
        if kind in 'Uw':
            imported.add(name)
        elif kind.isupper():
            defined.add(name)
        if (form in ('OBJECT', 'TLS') and section.startswith(CHANGING)
                and not section.startswith(CONSTANT) and not name.startswith('__odr_asan')):
            kept.add(name)
    return imported, defined, kept


def allowed(room, name):
    plain = FORTIFIED.sub(r'\1', name)
    return (plain in house.PURE_IMPORTS or name in house.ROOMS[room].imports
            or name.startswith(house.ADDED_IMPORTS))


def judge(room, source, imported, owners):
    for name in sorted(imported):
        there = owners.get(name)
        if there is None and not allowed(room, name):
            yield f'{source}: imports {name}: {room} is pure, see tests/rules/house.py'
        elif there not in (None, room) and there not in house.ROOMS[room].knows:
            yield f'{source}: imports {name} of {there}: {room} must not know {there}'


def rule(root, build):
    tables, owners, rooms = [], {}, set()
    for source, output, _ in gate.objects(root, build):
        room = house.room_of(source) if source else None
        if room is None:
            continue
        if not os.path.exists(output):
            yield f'{source}: not built yet; build everything first'
            continue
        rooms.add(room)
        table = symbols(output)
        owners.update(dict.fromkeys(table[1], room))
        tables.append((room, source, table))
    for room, source, (imported, _, kept) in tables:
        if room not in house.PURE:
            continue
        yield from judge(room, source, imported, owners)
        for name in sorted(kept):
            yield f'{source}: {name} outlives the call: {room} is pure'
    for room in house.PURE:
        if room not in rooms:
            yield f'{room}: the build holds no object of it'


RIGHT = {
    'base/a.c': '#include <string.h>\nunsigned long base_a(const char *t);\n'
                'unsigned long base_a(const char *t) { return strlen(t); }\n',
    'schema/a.c': 'unsigned long base_a(const char *);\nunsigned long schema_a(void);\n'
                  'static const char word[] = "a";\n'
                  'unsigned long schema_a(void) { return base_a(word); }\n',
    'topology/a.c': 'const char *const names[] = {"a", "b"};\n',
    'replication/a.c': '#include <stdlib.h>\nvoid *replication_a(void);\n'
                       'void *replication_a(void) { return malloc(9); }\n',
    'node/a.c': '#include <stdio.h>\nint node_a(void) { return puts("a"); }\n',
}
CALLS = (
    ('time', '#include <time.h>\nlong f(void) { return time(0); }\n'),
    ('getenv', '#include <stdlib.h>\nchar *f(void) { return getenv("A"); }\n'),
    ('puts', '#include <stdio.h>\nint f(void) { return puts("a"); }\n'),
    ('stderr', '#include <stdio.h>\nvoid *f(void) { return stderr; }\n'),
    ('open', '#include <fcntl.h>\nint f(void) { return open("a", 0); }\n'),
    ('randombytes_buf', 'void randombytes_buf(void *, long);\n'
                        'void f(void *a) { randombytes_buf(a, 1); }\n'),
    ('__printf_chk', 'int __printf_chk(int, const char *, ...);\n'
                     'int f(void) { return __printf_chk(1, "a"); }\n'),
)

PLANTS = (
    gate.Plant('all right', RIGHT),
    *(gate.Plant(name, {**RIGHT, f'{room}/b.c': text}, (f'{room}/b.c: imports {name}',))
      for (name, text), room in zip(CALLS, house.PURE * 2)),
    gate.Plant('sodium in replication', {
        **RIGHT, 'replication/b.c': 'int sodium_init(void);\n'
                                    'int f(void) { return sodium_init(); }\n'},
               ('replication/b.c: imports sodium_init',)),
    gate.Plant('upwards', {**RIGHT, 'base/b.c': 'void *replication_a(void);\n'
                                    'void *f(void) { return replication_a(); }\n'},
               ('imports replication_a of replication: base must not know replication',)),
    gate.Plant('memory of its own', {
        **RIGHT, 'schema/b.c': 'int f(void) { static int n; return ++n; }\n'
                               'static int m = 2;\nint g(void) { return ++m; }\n'},
               ('schema/b.c: m outlives', 'schema/b.c: n.0 outlives')),
    gate.Plant('a room is missing', {'base/a.c': RIGHT['base/a.c']},
               ('schema: the build', 'topology: the build', 'replication: the build')),
)

if __name__ == '__main__':
    gate.main(rule, PLANTS, gate.compile_tree)
