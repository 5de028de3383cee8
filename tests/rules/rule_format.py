"""Every .c and .h as clang-format leaves it, by .clang-format."""
import os
import re
import subprocess
import sys

import gate

WRONG = re.compile(r'^(\S[^:\n]*):(\d+):\d+: error', re.M)


def rule(root, _build):
    files = gate.paths(root, ('.c', '.h'))
    try:
        done = subprocess.run(['clang-format', '--dry-run', '-Werror', '--style=file', *files],
                              cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit('clang-format is missing; ./dev test installs it, or names its package')
    first = {}
    for path, line in WRONG.findall(done.stderr):
        first.setdefault(path, line)
    for path, line in first.items():
        yield f'{path}:{line}: not as clang-format leaves it; run clang-format -i {path}'
    if done.returncode != 0 and not first:
        yield f'clang-format: {done.stderr.strip()}'


HERE = os.path.dirname(os.path.abspath(__file__))
STYLE = gate.read(os.path.join(HERE, '..', '..'), '.clang-format')
RIGHT = {'.clang-format': STYLE,
         'base/a.c': 'int a(int b);\n\nint a(int b)\n{\n    return b + 1;\n}\n'}

PLANTS = (
    gate.Plant('all right', RIGHT),
    gate.Plant('blanks', {**RIGHT, 'node/link/b.h': 'int  b;\n'}, ('node/link/b.h:1: not as',)),
    gate.Plant('brace', {**RIGHT, 'cli/b.c': 'int b(void) {\n    return 1;\n}\n'},
               ('cli/b.c:1: not as',)),
)

if __name__ == '__main__':
    gate.main(rule, PLANTS)
