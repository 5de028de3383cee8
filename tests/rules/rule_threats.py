"""docs/threats.md names a test for every fault and attack, and each of them exists: a row without
one says that it isn't built yet, and what.
"""
import os
import re

import gate

TABLE = 'docs/threats.md'
ROWS = 110
ROW = re.compile(r'\| *(\d+) *\|')
NAMED = re.compile(r'`([^`]+)`')
UNBUILT = re.compile(r'not built yet \([^)]')


def has_part(text, path, part):
    """A test by its function's name, which must also be run; a story by its title."""
    if path.endswith('.story'):
        return f'\nstory {part}\n' in '\n' + text
    return len(re.findall(rf'\b{re.escape(part)}\b', text)) > 1


def judge_test(root, name):
    path, _, part = name.partition(':')
    path = 'tests/' + path
    if not os.path.isfile(os.path.join(root, path)):
        return f'{path} does not exist'
    if part and not has_part(gate.read(root, path), path, part):
        return f'{path} has no test {part}'
    return None


def judge_row(root, line):
    cells = line.strip().strip('|').split('|')
    if len(cells) != 3 or not cells[1].strip():
        yield 'a row is | number | what happens | test |'
        return
    names = NAMED.findall(cells[2])
    if not names and not UNBUILT.search(cells[2]):
        yield 'names no test, and does not say what is not built yet'
    for name in names:
        missing = judge_test(root, name)
        if missing:
            yield missing


def rule(root, _build):
    seen = []
    for number, line in enumerate(gate.read(root, TABLE).splitlines(), 1):
        hit = ROW.match(line)
        if not hit:
            continue
        row = int(hit.group(1))
        if row in seen or not 1 <= row <= ROWS:
            yield f'{TABLE}:{number}: row {row} stands twice, or there is none such'
        seen.append(row)
        for finding in judge_row(root, line):
            yield f'{TABLE}:{number}: row {row}: {finding}'
    for row in range(1, ROWS + 1):
        if row not in seen:
            yield f'{TABLE}: row {row} is missing'


def table(**changed):
    """All rows, right except for those given as r5='...'."""
    lines = ['| row | what happens | test |', '|---|---|---|']
    for row in range(1, ROWS + 1):
        text = changed.get(f'r{row}', f'| {row} | held | `unit/test_a.c:holds` |')
        lines += [text] if text else []
    return '\n'.join(lines) + '\n'


def planted(title, findings=(), **changed):
    files = {'tests/unit/test_a.c': 'static void holds(void)\nTEST(holds)\nstatic void unrun(void)',
             'tests/story/a.story': 'story one\n', TABLE: table(**changed)}
    return gate.Plant(title, files, findings)


PLANTS = (
    planted('all right', r2='| 2 | held | `story/a.story:one` `unit/test_a.c` |',
            r3='| 3 | waits | not built yet (bundles) |'),
    planted('no such file', ('row 1: tests/unit/test_b.c does not exist',),
            r1='| 1 | held | `unit/test_b.c:holds` |'),
    planted('no such test', ('row 1: tests/unit/test_a.c has no test gone',),
            r1='| 1 | held | `unit/test_a.c:gone` |'),
    planted('not run', ('has no test unrun',), r1='| 1 | held | `unit/test_a.c:unrun` |'),
    planted('no such story', ('has no test two',), r1='| 1 | held | `story/a.story:two` |'),
    planted('nothing', ('row 9: names no test',), r9='| 9 | held | - |'),
    planted('unsaid', ('row 9: names no test',), r9='| 9 | held | not built yet |'),
    planted('missing', ('row 101 is missing',), r101=''),
    planted('twice', ('row 7 stands twice', 'row 8 is missing'), r8='| 7 | a | `unit/test_a.c` |'),
    planted('cells', ('row 5: a row is',), r5='| 5 | `unit/test_a.c` |'),
)

if __name__ == '__main__':
    gate.main(rule, PLANTS)
