"""What no file of the project says: where one machine keeps things, whom to download from, what is
left for later, and the marks of a merge that was not brought to an end.
"""
import re

import gate

# Words are put together here, so that this file passes too.
LATER = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X|HA' r'CK)\b|\bfor n' r'ow\b', re.I)
HOMES = re.compile(r'(?<![\w.}*)])/(?:home|root|mnt|media|opt|srv|work|Users|workspace)/')
TEMPORARY = re.compile(r'(?<![\w.}])/tm' r'p/(?!terrace)')
HOST = re.compile(r'\bhttps?://([\w.-]+)')
REGISTRY = re.compile(r'\b(?:pypi|npmjs|rubygems|crates|conan|docker|quay|ghcr|pythonhosted|'
                      r'golang|debian|ubuntu)\.(?:org|com|io)\b')
HOSTS = frozenset((
    'www.apache.org',  # LICENSE
    'localhost', '127.0.0.1', 'example.org', 'example.com'))
MERGE = re.compile(r'^(?:<{7}|>{7}|\|{7})(?: |$)')
TICKET = re.compile(r'\b(?:issue|ticket|pull request) #?\d', re.I)

TEXT = ('.c', '.h', '.py', '.sh', '.yaml', '.yml', '.md', '.txt', '.csv', '.json', '.build',
        '.story', '.trace', '.js', '.css', '.html',
        'dev', 'run', 'LICENSE', '.clang-format', '.editorconfig', '.gitignore')
RULES = (
    (LATER, 'nothing is left for later'),
    (HOMES, 'a path of one machine'),
    (TEMPORARY, 'temporary files are named terrace-'),
    (REGISTRY, 'a registry of packages'),
    (MERGE, 'a merge was not brought to an end'),
    (TICKET, 'the text has to stand without it'),
)


def judge(path, number, line):
    for pattern, why in RULES:
        hit = pattern.search(line)
        if hit:
            yield f'{path}:{number}: "{hit.group()}": {why}'
    for host in HOST.findall(line):
        if host not in HOSTS:
            yield f'{path}:{number}: "{host}": whose host is it? The list is in rule_words.py'


def rule(root, _build):
    for path in gate.paths(root, TEXT):
        for number, line in enumerate(gate.read(root, path).split('\n'), 1):
            yield from judge(path, number, line)


def one(line):
    return {'base/a.c': f'int x;\n/* {line} */\n'}


PLANTS = (
    gate.Plant('all right', {
        'README.md': 'See docs/work/a.md, src/home/b, "/tmp/terrace-x", /usr/share and todos.\n',
        'LICENSE': 'http://www.apache.org/licenses/\n', 'base/a.c': '/* a hackney, **/root/ */\n'}),
    gate.Plant('later', one('TO' 'DO: b'), ('base/a.c:2: "TO' 'DO"',)),
    gate.Plant('mend', one('fix' 'me'), ('base/a.c:2',)),
    gate.Plant('meanwhile', one('enough for n' 'ow'), ('base/a.c:2',)),
    gate.Plant('home', one('see /ho' 'me/ann/a'), ('a path of one machine',)),
    gate.Plant('quoted', {'dev': 'cd "/wo' 'rk/a"\n'}, ('dev:1: "/wo' 'rk/": a path',)),
    gate.Plant('temporary', one('/tm' 'p/a.log'), ('temporary files are named',)),
    gate.Plant('registry', one('from py' 'pi.org'), ('a registry of packages',)),
    gate.Plant('host', one('http' 's://git.example.net/a'), ('whose host is it?',)),
    gate.Plant('merge', {'docs/a.md': 'a\n<<<<<<' '< HEAD\nb\n=======\n>>>>>>' '> main\n'},
               ('docs/a.md:2', 'docs/a.md:5')),
    gate.Plant('ticket', one('see iss' 'ue 12'), ('the text has to stand',)),
)

if __name__ == '__main__':
    gate.main(rule, PLANTS)
