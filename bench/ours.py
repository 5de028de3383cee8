"""Our own system: a signed tree of real nodes with the intervals of a real county."""
import json
import os
import re
import signal
import subprocess

from world import (MAP_MIB, TERRACE, TYPES, Contestant, ask, free_ports, now_ns, program_path,
                   until)


class Ours(Contestant):
    data = 'data'

    def __init__(self, place, tree, name, types=TYPES):
        super().__init__(place, tree, name)
        self.seen_commits = None
        table = place.path(name + '.csv')
        tree.write(table)
        self.terrace('drill', 'up', '--tree', table, '--types', types, '--dir', self.directory,
                     '--map-mib', str(MAP_MIB), '--defaults')
        self.terrace('drill', 'down', '--dir', self.directory)
        self.begin_relay(self.move_listeners())
        for code in tree.parent:
            self.start(code)
        until(self.is_linked, 'our links')

    def terrace(self, *words):
        done = subprocess.run([TERRACE, *words], check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f'terrace {words[0]}: {done.stderr.strip()[-400:]}')
        return done.stdout

    def move_listeners(self):
        """Where the signed tree says that a parent is, the relay is; the parent listens elsewhere.
        """
        paths = [os.path.join(self.node(code), 'node.yaml') for code in self.tree.inner]
        texts = []
        for path in paths:
            with open(path, encoding='utf-8') as file:
                texts.append(file.read())
        called = [int(re.search(r'tcp://127\.0\.0\.1:(\d+)', text).group(1)) for text in texts]
        pairs = list(zip(called, free_ports(len(called), besides=called)))
        for path, text, (old, new) in zip(paths, texts, pairs):
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text.replace(f':{old}"', f':{new}"'))
        return pairs

    def start(self, code):
        self.nodes[code] = self.place.start([TERRACE, '-d', self.node(code), 'run'],
                                            os.path.join(self.node(code), 'log'))

    def kill(self, code):
        self.place.stop(self.nodes[code], signal.SIGKILL)

    def status(self, code):
        done = subprocess.run([TERRACE, '-d', self.node(code), '--json', 'status'], check=False,
                              capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def is_linked(self):
        for code in self.tree.inner:
            status = self.status(code)
            if not status or status['children']['live'] < status['children']['expected']:
                return False
        return True

    def records(self, code):
        return self.status(code)['records']

    def put(self, code, count, clients=4, batch=256, window=4, above=None):
        more = [self.node(above)] if above else []
        return ask('bench_load', 'put', self.node(code), self.take(count), count, clients, batch,
                   window, *more)

    def steady(self, child, count):
        return self.put(child, count, above=self.tree.root)

    def backlog(self, child, count):
        """Written while the link is cut; what is waited for afterwards."""
        written = self.put(child, count)
        return [written['first_id'], *written['last_ids']]

    def arrival(self, backlogs):
        """From the link's return: seconds to the first new record, and to all of them."""
        ids = [one[0] for one in backlogs] + [name for one in backlogs for name in one[1:]]
        began_ns = now_ns()
        self.relay.order('heal')
        seen = ask('bench_load', 'seen', self.node(self.tree.root), *ids)
        return (seen['first_ns'] - began_ns) / 1e9, (seen['last_ns'] - began_ns) / 1e9

    def latency(self, child, count):
        return ask('bench_load', 'latency', self.node(child), self.node(self.tree.root),
                   self.take(count), count)

    def local_many(self, child, count):
        return self.put(child, count, clients=64, batch=64, window=1)

    def local_one(self, child, count):
        return self.put(child, count, clients=1, batch=1, window=1)

    def restart(self, child, records):
        """SIGKILL while it is written to; seconds until an acknowledged record is read again."""
        known = self.put(child, 1, clients=1, batch=1, window=1)['first_id']
        load = self.place.start(
            [program_path('bench_load'), 'put', self.node(child), str(self.take(records)),
             str(records), '4', '256', '4'], self.place.path('killed.log'))
        self.seen_commits = None
        until(lambda: self.is_busy(child), 'a load')
        self.kill(child)
        self.place.wait(load)
        began_ns = now_ns()
        self.start(child)
        ready = ask('bench_load', 'ready', self.node(child), known)
        return (ready['at_ns'] - began_ns) / 1e9

    def rows(self, code, statement):
        """What a query gives, an object a row."""
        lines = self.terrace('-d', self.node(code), 'sql', '--format', 'ndjson', '--timeout', '600',
                             statement)
        return [json.loads(line) for line in lines.splitlines()]

    def read(self, code, verb, requests, in_flight):
        """Each request is the arguments of one call of `verb`."""
        path = self.place.path('requests.ndjson')
        with open(path, 'w', encoding='utf-8') as file:
            file.writelines(json.dumps(one) + '\n' for one in requests)
        return ask('bench_load', 'read', self.node(code), verb, in_flight, path)

    def is_busy(self, code):
        before, self.seen_commits = self.seen_commits, self.status(code)['commits']
        return before is not None and self.seen_commits > before
