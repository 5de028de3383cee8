"""Warnings wide, and errors: in every object of the build, and they bite.

The flags alone prove little, so a few small faults are compiled with them; each must be refused.
A warning switched off by a pragma is one that nobody sees: only around macros of others.
"""
import os
import re
import shlex
import subprocess
import tempfile

import gate

NEEDED = ('-Werror -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wformat=2 -Wmissing-prototypes '
          '-Wstrict-prototypes -Wundef -Wpointer-arith -Wcast-align -Wwrite-strings -Wvla '
          '-Wswitch-enum').split()
OFF_ALLOWED = frozenset(('-Wno-missing-field-initializers',))  # {.a = 1} leaves the rest 0
PRAGMA = re.compile(r'^[ \t]*#[ \t]*pragma (?:GCC|clang) diagnostic (?:ignored|warning)', re.M)
PRAGMA_ALLOWED = frozenset(('topology/tree_index.c', 'replication/hash_table.h'))  # uthash

FAULTS = {
    'a narrower number': 'int f(long a);\nint f(long a)\n{\n    return a;\n}\n',
    'a hidden variable': 'int f(int a);\nint f(int a)\n{\n    for (int i = a; i; i--)\n    {\n'
                         '        int a = i;\n        i = a;\n    }\n    return a;\n}\n',
    'no prototype': 'int f(int a)\n{\n    return a;\n}\n',
    'a case forgotten': 'enum e { A, B };\nint f(enum e a);\nint f(enum e a)\n{\n    switch (a) {\n'
                        '    case A: return 1;\n    default: return 2;\n    }\n}\n',
    'an array of any size': 'int f(int n);\nint f(int n)\n{\n    int a[n];\n    a[0] = n;\n'
                            '    return a[0];\n}\n',
    'a format from outside': '#include <stdio.h>\nint f(const char *a);\n'
                             'int f(const char *a)\n{\n    return printf(a);\n}\n',
    'a constant written to': 'char *f(void);\nchar *f(void)\n{\n    return "a";\n}\n',
}
FAULTLESS = 'int f(int a);\nint f(int a)\n{\n    return a + 1;\n}\n'


def refuses(flags, text):
    with tempfile.TemporaryDirectory(prefix='terrace-rules-') as folder:
        gate.write_tree(folder, {'a.c': text})
        done = subprocess.run(['cc', '-O2', *flags, '-c', 'a.c', '-o', 'a.o'], cwd=folder,
                              capture_output=True, check=False)
    return done.returncode != 0


def flags_of(command):
    return [word for word in shlex.split(command) if word.startswith('-W') or word == '-w']


def judge_flags(name, flags):
    missing = [flag for flag in NEEDED if flag not in flags]
    off = [flag for flag in flags if flag == '-w' or flag.startswith('-Wno-')]
    off = [flag for flag in off if flag not in OFF_ALLOWED]
    if '-Werror' in missing:
        yield f'{name}: warnings are no errors; set the build up with -Dwerror=true'
    elif missing or off:
        yield f'{name}: built without {" ".join(missing) or "-"}, with {" ".join(off) or "-"}'


def rule(root, build):
    sets = {}
    for source, output, command in gate.objects(root, build):
        sets.setdefault(tuple(flags_of(command['command'])), source or output)
    for flags, name in sets.items():
        yield from judge_flags(name, flags)
        if '-Werror' in flags:
            if refuses(flags, FAULTLESS):
                yield f'{name}: its flags refuse what is right'
            for title, text in FAULTS.items():
                if not refuses(flags, text):
                    yield f'{name}: its flags let through {title}'
    for path in gate.paths(root, ('.c', '.h')):
        if path not in PRAGMA_ALLOWED and PRAGMA.search(gate.read(root, path)):
            yield f'{path}: switches a warning off'


def prepare(root, build):
    """A tree's file `flags` says what it is compiled with."""
    flags = gate.read(root, 'flags').split()
    gate.compile_tree(root, build, flags)


def tree(flags, text=FAULTLESS):
    return {'flags': ' '.join(flags), 'base/a.c': text}


PLANTS = (
    gate.Plant('all right', tree(NEEDED)),
    gate.Plant('no errors', tree(NEEDED[1:]), ('base/a.c: warnings are no errors',)),
    gate.Plant('a warning less', tree([flag for flag in NEEDED if flag != '-Wshadow']),
               ('built without -Wshadow', 'let through a hidden variable')),
    gate.Plant('one switched off', tree(NEEDED + ['-Wno-vla']),
               ('with -Wno-vla', 'let through an array of any size')),
    gate.Plant('by pragma', tree(NEEDED, '#pragma GCC diagnostic ignored "-Wvla"\n' + FAULTLESS),
               ('base/a.c: switches a warning off',)),
)

if __name__ == '__main__':
    gate.main(rule, PLANTS, prepare)
