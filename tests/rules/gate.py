"""What the rules share. A rule is a function of (root, build) that returns findings, one line each.

Before a rule judges the project it proves itself: it has to find every planted violation of its
own list, each in a small tree in a temporary folder, and nothing else.
"""
import json
import os
import shlex
import subprocess
import sys
import tempfile
from typing import NamedTuple


class Plant(NamedTuple):
    """A small tree, and a part of each finding that it must give; none for a tree that is right."""
    title: str
    files: dict
    findings: tuple = ()


def paths(root, endings, under=''):
    """The project's files with these endings, relative to root, sorted."""
    found = []
    for folder, folders, names in os.walk(os.path.join(root, under)):
        folders[:] = sorted(f for f in folders if not unwritten(root, folder, f))
        found += [os.path.relpath(os.path.join(folder, name), root)
                  for name in sorted(names) if name.endswith(endings)]
    return found


def unwritten(root, folder, name):
    """Folders that nobody writes by hand: git's, Python's, and builds."""
    inside = os.path.join(folder, name)
    return (name in ('.git', '__pycache__') or os.path.exists(os.path.join(inside, 'meson-info'))
            or (folder.rstrip('/') == root.rstrip('/') and name.startswith('build')))


def read(root, path):
    with open(os.path.join(root, path), encoding='utf-8') as file:
        return file.read()


def objects(root, build):
    """(source, object) of everything that the build compiles; source relative to root, or None
    if the build made it."""
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as file:
        commands = json.load(file)
    for command in commands:
        folder = command['directory']
        if 'TERRACE_PLANTED' in command['command']:
            continue  # the same sources with bugs in them, for tests/sim/planted.c
        source = os.path.realpath(os.path.join(folder, command['file']))
        inside = source.startswith(os.path.realpath(root) + os.sep)
        made = source.startswith(os.path.realpath(build) + os.sep)
        name = os.path.relpath(source, os.path.realpath(root)) if inside and not made else None
        yield name, os.path.join(folder, command['output']), command


def run(*command):
    """Its output; what can't run stops the rule with the reason."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit(f'{command[0]} is missing; ./dev test installs it, or names its package')
    if done.returncode != 0:
        sys.exit(f'{" ".join(command)} failed: {done.stderr.strip()}')
    return done.stdout


def write_tree(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'w', encoding='utf-8') as file:
            file.write(text)


def compile_tree(root, build, flags=()):
    """Compile a planted tree as a build would, and leave the list that a build leaves."""
    commands = []
    for path in paths(root, '.c'):
        output = path.replace('/', '_') + '.o'
        command = ['cc', '-c', '-I', root, *flags, os.path.join(root, path), '-o', output]
        subprocess.run(command, cwd=build, check=True)
        commands.append({'directory': build, 'file': os.path.join(root, path), 'output': output,
                         'command': shlex.join(command)})
    write_tree(build, {'compile_commands.json': json.dumps(commands)})


def prove(rule, plant, prepare):
    """What is wrong with the rule's answer to this plant; empty if nothing."""
    with tempfile.TemporaryDirectory(prefix='terrace-rules-') as folder:
        root, build = os.path.join(folder, 'root'), os.path.join(folder, 'build')
        os.makedirs(root)
        os.makedirs(build)
        write_tree(root, plant.files)
        if prepare:
            prepare(root, build)
        found = list(rule(root, build))
    left = list(found)
    for part in plant.findings:
        hit = next((line for line in left if part in line), None)
        if hit is None:
            return [f'planted "{plant.title}": "{part}" was not found; found: {found}']
        left.remove(hit)
    return [f'planted "{plant.title}": found too much: {line}' for line in left]


def main(rule, plants, prepare=None):
    """rule.py ROOT BUILD: prove the rule, then apply it; exit status 1 if either fails."""
    if len(sys.argv) != 3:
        sys.exit(f'usage: {sys.argv[0]} ROOT BUILD')
    root, build = sys.argv[1:]
    blind = [line for plant in plants for line in prove(rule, plant, prepare)]
    findings = list(rule(root, build))
    for line in blind + findings:
        print(line)
    print(f'{len(plants)} plants, {len(blind)} missed; {len(findings)} findings')
    sys.exit(1 if blind or findings else 0)
