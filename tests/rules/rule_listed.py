"""Every test that lies in the folders runs, and every source of the house is compiled: a file that
no meson.build lists proves nothing and rots.
"""
import json
import os
import re

import gate
import house

# Which files of a folder are tests by themselves; the suite is the folder's name.
TESTS = (
    ('unit', re.compile(r'test_(\w+)\.c$')),
    ('story', re.compile(r'([\w-]+)\.story$')),
    ('process', re.compile(r'test_(\w+)\.(?:c|py|sh)$')),
    ('sim', re.compile(r'test_(\w+)\.c$')),
    ('crash', re.compile(r'test_(\w+)\.c$')),
    ('fuzz', re.compile(r'fuzz_(\w+)\.c$')),
    ('fuzz', re.compile(r'test_(\w+)\.sh$')),
    ('rules', re.compile(r'rule_(\w+)\.py$')),
)


def listed(build):
    """{(suite, name)} of what the build runs."""
    with open(os.path.join(build, 'meson-info', 'intro-tests.json'), encoding='utf-8') as file:
        tests = json.load(file)
    return {(suite.rpartition(':')[2], test['name']) for test in tests for suite in test['suite']}


def rule(root, build):
    runs = listed(build)
    for suite, pattern in TESTS:
        folder = os.path.join(root, 'tests', suite)
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            hit = pattern.match(name)
            if hit and (suite, hit.group(1)) not in runs:
                yield f'tests/{suite}/{name}: not a test of suite {suite} in tests/meson.build'
    for path in gate.paths(root, ('.c', '.py', '.sh')):
        base = os.path.basename(path)
        if base.startswith('test_') and os.path.dirname(path) not in {
                f'tests/{suite}' for suite, _ in TESTS}:
            yield f'{path}: tests lie in tests/, by kind'


    compiled = {source for source, _, _ in gate.objects(root, build)}
    for path in gate.paths(root, '.c'):
        room = house.room_of(path)
        if room and room not in house.OPTIONAL and path not in compiled:
            yield f'{path}: not listed in the meson.build of {room}'


def prepare(root, build):
    """All of a planted tree is compiled, except what is called dead."""
    gate.compile_tree(root, build)
    commands = json.loads(gate.read(build, 'compile_commands.json'))
    alive = [command for command in commands if 'dead' not in command['file']]
    gate.write_tree(build, {'compile_commands.json': json.dumps(alive)})
    tests = [{'name': 'span', 'suite': ['terrace:unit']}, {'name': 'block', 'suite': ['fuzz']},
             {'name': 'link', 'suite': ['terrace:process']}]
    gate.write_tree(build, {'meson-info/intro-tests.json': json.dumps(tests)})


RIGHT = {'tests/unit/test_span.c': '', 'tests/unit/fixture.c': '', 'tests/fuzz/fuzz_block.c': '',
         'tests/process/test_link.c': '', 'node/link/link.c': '', 'cli/drill/drill.c': '',
         'bench/nats/dead.c': ''}

PLANTS = (
    gate.Plant('all right', RIGHT),
    gate.Plant('forgotten', {**RIGHT, 'tests/unit/test_tree.c': ''},
               ('tests/unit/test_tree.c: not a test of suite unit',)),
    gate.Plant('of another suite', {**RIGHT, 'tests/sim/test_span.c': ''},
               ('tests/sim/test_span.c: not a test of suite sim',)),
    gate.Plant('story', {**RIGHT, 'tests/story/01-a.story': ''},
               ('tests/story/01-a.story: not a test of suite story',)),
    gate.Plant('fuzz', {**RIGHT, 'tests/fuzz/fuzz_tree.c': ''}, ('tests/fuzz/fuzz_tree.c',)),
    gate.Plant('elsewhere', {**RIGHT, 'base/test_span.c': ''}, ('tests lie in tests/',)),
    gate.Plant('source', {**RIGHT, 'node/link/dead.c': ''},
               ('node/link/dead.c: not listed in the meson.build of node/link',)),
)

if __name__ == '__main__':
    gate.main(rule, PLANTS, prepare)
