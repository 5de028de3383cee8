"""Processes of the benchmark: our nodes, NATS servers, the relay between them, and what they cost.

Everything listens on this machine only, keeps its files in one directory that goes away at the
end, and is stopped by process id.
"""
import csv
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
TERRACE = os.environ.get('TERRACE', os.path.join(ROOT, 'build', 'terrace'))
PROGRAMS = os.environ.get('BENCH_PROGRAMS', os.path.join(ROOT, 'build-bench', 'bench'))
FOLDERS = {'bench_limit': 'limit', 'bench_nats': 'nats'}
TYPES = os.path.join(HERE, 'types.yaml')
MAP_MIB = 16384
TICKS = os.sysconf('SC_CLK_TCK')
START_WAIT_S = 120


def say(text):
    """Progress, for people."""
    print(f'bench: {text}', file=sys.stderr, flush=True)


def now_ns():
    """The clock that the programs print, too."""
    return time.monotonic_ns()


def program_path(program):
    return os.path.join(PROGRAMS, FOLDERS.get(program, ''), program)


def ask(program, *words, patience_s=900):
    """Run one of our programs; its line of JSON."""
    done = subprocess.run([program_path(program), *map(str, words)], check=False,
                          capture_output=True, text=True, timeout=patience_s)
    if done.returncode != 0:
        raise RuntimeError(f'{program} {words[0]}: {done.stderr.strip()[-400:]}')
    return json.loads(done.stdout) if done.stdout else {}


class Place:
    """The directory of a run, and every process begun in it."""

    def __init__(self, parent):
        self.directory = tempfile.mkdtemp(prefix='terrace-bench-', dir=parent)
        self.processes = []

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def start(self, words, log, **options):
        with open(log, 'ab') as output:
            process = subprocess.Popen(words, stdin=options.pop('stdin', subprocess.DEVNULL),
                                       stdout=options.pop('stdout', output), stderr=output,
                                       **options)
        self.processes.append(process)
        return process

    def stop(self, process, how=signal.SIGTERM):
        if process.poll() is None:
            process.send_signal(how)
        self.wait(process)

    def wait(self, process):
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process in self.processes:
            self.processes.remove(process)

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in list(self.processes):
            self.wait(process)
        shutil.rmtree(self.directory, ignore_errors=True)


def is_free(port):
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return one.connect_ex(('127.0.0.1', port)) != 0


def free_ports(count, besides=()):
    """So many ports that nobody listens on, below those that outgoing connections take."""
    ports = []
    while len(ports) < count:
        port = random.randrange(10000, 32000)
        if port not in ports and port not in besides and is_free(port):
            ports.append(port)
    return ports


class Relay:
    """Every link of one contestant passes here: [(port where children call, port behind it)]."""

    def __init__(self, place, pairs, log):
        self.process = place.start(
            [program_path('bench_relay'), *(f'{a}:{b}' for a, b in pairs)], log,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.order('count')

    def order(self, word):
        """`count`, `cut` or `heal`; the bytes of both directions so far."""
        self.process.stdin.write(word + '\n')
        self.process.stdin.flush()
        counts = json.loads(self.process.stdout.readline())
        return counts['up'] + counts['down']


def processor_s(pid):
    with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def anonymous_bytes(pid):
    """The anonymous part of the proportional set: what no file backs."""
    with open(f'/proc/{pid}/smaps_rollup', encoding='utf-8') as file:
        found = re.search(r'^Pss_Anon:\s+(\d+) kB', file.read(), re.M)
    return int(found.group(1)) * 1024


def disk_bytes(directory):
    return sum(os.stat(os.path.join(folder, name)).st_blocks * 512
               for folder, _, names in os.walk(directory) for name in names)


class Tree:
    """code -> parent, parents first; which of them have children."""

    def __init__(self, rows):
        self.rows = rows  # (code, name, tier, parent)
        self.parent = {row[0]: row[3] for row in rows}
        inner = set(self.parent.values())
        self.inner = [row[0] for row in rows if row[0] in inner]
        self.leaves = [row[0] for row in rows if row[0] not in inner]
        self.root = rows[0][0]

    def write(self, path):
        with open(path, 'w', newline='', encoding='utf-8') as file:
            csv.writer(file).writerows([('code', 'name', 'tier', 'parent'), *self.rows])


def star(children):
    """One parent and its children."""
    return Tree([('C', 'county', 'county', '')] +
                [(f'V{i}', f'village {i}', 'village', 'C') for i in range(1, children + 1)])


def county(path):
    """A tree from its table, whose rows may come in any order."""
    with open(path, newline='', encoding='utf-8') as file:
        rows = [tuple(row[key] for key in ('code', 'name', 'tier', 'parent'))
                for row in csv.DictReader(file)]
    codes = {row[0]: row for row in rows}

    def depth(row):
        return 0 if row[3] not in codes else 1 + depth(codes[row[3]])
    return Tree(sorted(rows, key=depth))


def until(condition, what, wait_s=START_WAIT_S):
    end = time.monotonic() + wait_s
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f'{what}: not within {wait_s} s')
        time.sleep(0.05)


class Contestant:
    """A tree of running nodes, all links through one relay. Who inherits says how one starts, is
    written to, and is looked at."""
    data = ''  # the folder of a node that holds what it stores

    def __init__(self, place, tree, name):
        self.place, self.tree = place, tree
        self.directory = place.path(name)
        self.nodes = {}
        self.next_record = 0

    def node(self, code):
        return os.path.join(self.directory, code)

    def begin_relay(self, pairs):
        self.relay = Relay(self.place, pairs, self.directory + '.relay.log')

    def take(self, count):
        """The numbers of records that nobody has written yet."""
        first = self.next_record
        self.next_record += count
        return first

    def processor_s(self, code):
        return processor_s(self.nodes[code].pid)

    def memory(self, code):
        return anonymous_bytes(self.nodes[code].pid)

    def disk(self, code):
        return disk_bytes(os.path.join(self.node(code), self.data))

    def stop(self):
        for process in self.nodes.values():
            process.terminate()
        for process in self.nodes.values():
            self.place.wait(process)
        self.place.stop(self.relay.process)
