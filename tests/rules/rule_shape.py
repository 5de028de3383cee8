"""Sizes: a function's and a file's lines, a line's columns; and no blank where none belongs.

A function is told by its braces alone in the first column, which rule_format sees to.
"""
import os
import unicodedata

import gate

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
TEST_LINES_MAX = 800
COLUMNS_MAX = 100
CODE = ('.c', '.h', '.py', '.sh', '.yaml', 'meson.build', 'meson_options.txt')
SCRIPTS = ('dev', '.ci/run')  # without an ending


def columns(line):
    """Wide characters (Chinese) take two."""
    return sum(2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in line)


def head_of(lines, brace):
    """The first line of the head that ends above this brace."""
    first = brace
    while first > 0 and lines[first - 1] and not lines[first - 1].startswith('#') \
            and not lines[first - 1].endswith((';', '}', '*/')):
        first -= 1
    return first


def functions(lines):
    """(first, last) of each, counted from 0."""
    for brace, line in enumerate(lines):
        if line == '{':
            last = next((k for k in range(brace, len(lines)) if lines[k].startswith('}')), brace)
            yield head_of(lines, brace), last


def judge(path, text):
    lines = text.split('\n')
    limit = TEST_LINES_MAX if path.startswith('tests/') else FILE_LINES_MAX
    if len(lines) - 1 > limit:
        yield f'{path}: {len(lines) - 1} lines, at most {limit}'
    if text and not text.endswith('\n'):
        yield f'{path}: the last line does not end'
    for number, line in enumerate(lines, 1):
        if columns(line) > COLUMNS_MAX:
            yield f'{path}:{number}: {columns(line)} columns, at most {COLUMNS_MAX}'
        if line != line.rstrip() or '\t' in line:
            yield f'{path}:{number}: a tab, or a blank at the end'
    if path.endswith(('.c', '.h')):
        for first, last in functions(lines):
            if last - first + 1 > FUNCTION_LINES_MAX:
                yield (f'{path}:{first + 1}: a function of {last - first + 1} lines, '
                       f'at most {FUNCTION_LINES_MAX}')


def rule(root, _build):
    files = gate.paths(root, CODE)
    files += [path for path in SCRIPTS if os.path.isfile(os.path.join(root, path))]
    for path in files:
        yield from judge(path, gate.read(root, path))


def function(lines):
    """A function of so many lines, its head on two."""
    return 'static int\nf(void)\n{\n' + '    g();\n' * (lines - 4) + '}\n'


PLANTS = (
    gate.Plant('all right', {
        'base/a.c': 'int x;\n\n' + function(70), 'base/b.c': 'int x;\n' * 600,
        'tests/unit/a.c': 'int x;\n' * 800, 'base/c.c': '/* ' + '绿' * 47 + ' */\n'}),
    gate.Plant('function', {'base/a.c': '/* Why. */\n' + function(71)},
               ('base/a.c:2: a function of 71 lines',)),
    gate.Plant('second function', {'base/a.c': function(9) + function(75)},
               ('base/a.c:10: a function of 75 lines',)),
    gate.Plant('file', {'base/a.h': 'int x;\n' * 601}, ('base/a.h: 601 lines',)),
    gate.Plant('test', {'tests/unit/a.c': 'int x;\n' * 801}, ('tests/unit/a.c: 801 lines',)),
    gate.Plant('columns', {'base/a.c': '/* ' + 'x' * 95 + ' */\n'}, ('base/a.c:1: 101 columns',)),
    gate.Plant('wide', {'dev': '# ' + '绿' * 50 + '\n'}, ('dev:1: 102 columns',)),
    gate.Plant('blanks', {'base/a.py': 'a = 1 \n\tb = 2\n'}, ('base/a.py:1', 'base/a.py:2')),
    gate.Plant('end', {'base/a.sh': 'true'}, ('the last line does not end',)),
)

if __name__ == '__main__':
    gate.main(rule, PLANTS)
