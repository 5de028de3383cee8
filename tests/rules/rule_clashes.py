"""No symbol of ours is also one of a library that we link.

The linker says nothing when both exist: it puts ours in the place of the library's own, and the
library then calls us with its arguments. libyaml's and a yaml_free of ours would be such a pair.
"""
import json
import os
import re
import subprocess

import gate

# Meant to be ours: what a program or a fuzz target gives to its runtime.
OURS = frozenset(('main', 'LLVMFuzzerTestOneInput'))
# Stands in for the system's calls on purpose, to make them fail.
STAND_INS = frozenset(('tests/unit/store_place.c', 'tests/crash/disk_shim.c',
                       'tests/crash/test_no_memory.c'))
LIBRARY = re.compile(r'(?:=> |^\t)(/.+) \(0x', re.M)


def defined(path, *options):
    names = set()
    for line in gate.run('nm', '--defined-only', *options, path).splitlines():
        parts = line.split()
        if len(parts) == 3:
            names.add(parts[2].partition('@')[0])
    return names


def libraries(build):
    """The shared libraries of every program that the build makes."""
    with open(os.path.join(build, 'meson-info', 'intro-targets.json'), encoding='utf-8') as file:
        targets = json.load(file)
    found = set()
    for target in targets:
        for path in target['filename'] if target['type'] == 'executable' else ():
            if os.path.exists(path):
                found.update(LIBRARY.findall(gate.run('ldd', path)))
    return sorted(found)


def rule(root, build):
    owners = {}
    for path in libraries(build):
        for name in defined(path, '-D'):
            owners.setdefault(name, os.path.basename(path))
    if not owners:
        yield 'no program is built yet, so no library is known; build everything first'
    for source, output, _ in gate.objects(root, build):
        if source in STAND_INS or not os.path.exists(output):
            continue
        for name in sorted(defined(output, '-g') - OURS):
            if name in owners:
                yield f'{source or output}: {name} is also a symbol of {owners[name]}: rename it'


def prepare(root, build):
    """library/*.c become a shared library, the rest a program that needs it."""
    library, program = os.path.join(build, 'libplanted.so'), os.path.join(build, 'program')
    shared = [os.path.join(root, path) for path in gate.paths(root, '.c', 'library')]
    subprocess.run(['cc', '-shared', '-fPIC', *shared, '-o', library], check=True)
    for path in gate.paths(root, '.c', 'library'):
        os.remove(os.path.join(root, path))
    gate.compile_tree(root, build)
    parts = [path for path in os.listdir(build) if path.endswith('.o')]
    subprocess.run(['cc', *parts, library, '-Wl,-rpath,' + build, '-o', program], cwd=build,
                   check=True)
    target = {'type': 'executable', 'filename': [program]}
    gate.write_tree(build, {'meson-info/intro-targets.json': json.dumps([target])})


RIGHT = {
    'library/store.c': 'int planted_open(void) { return 1; }\n'
                       'int planted_free(void) { return 2; }\n',
    'base/a.c': 'int a_free(void);\nint a_free(void) { return 3; }\n'
                'static int planted_free(void) { return 4; }\nint b(void);\n'
                'int b(void) { return planted_free(); }\n',
    'cli/main.c': 'int planted_open(void);\nint main(void) { return planted_open(); }\n',
}

PLANTS = (
    gate.Plant('all right', RIGHT),
    gate.Plant('a function', {**RIGHT, 'base/b.c': 'int planted_free(void) { return 5; }\n'},
               ('base/b.c: planted_free is also a symbol of libplanted.so',)),
    gate.Plant('of the C library', {**RIGHT, 'base/b.c': 'int twalk;\n'},
               ('base/b.c: twalk is also a symbol of libc.so.6',)),
)

if __name__ == '__main__':
    gate.main(rule, PLANTS, prepare)
