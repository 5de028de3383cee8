"""NATS JetStream: leaf servers below their parents, each stream gathered by the server above.

Every village writes into a stream of its own; every server above keeps a stream whose sources are
the streams of its children. It acknowledges before it syncs, signs nothing and encrypts nothing.
`durable` makes every write of its files synchronous (chattr +S), since 2.9 has no setting for it.
"""
import os
import signal
import subprocess

from world import Contestant, ask, free_ports, now_ns, program_path, until

IN_FLIGHT = 4000


def version():
    text = subprocess.run(['nats-server', '--version'], check=True, capture_output=True,
                          text=True).stdout
    return text.split()[-1].lstrip('v')


class Nats(Contestant):
    data = 'js'

    def __init__(self, place, tree, name, durable=False):
        super().__init__(place, tree, name)
        self.gathered = 0  # what the root's stream should hold
        codes = list(tree.parent)
        ports = iter(free_ports(len(codes) + 2 * len(tree.inner)))
        self.client_port = {code: next(ports) for code in codes}
        self.leaf_port = {code: next(ports) for code in tree.inner}
        self.called_port = {code: next(ports) for code in tree.inner}
        os.mkdir(self.directory)
        self.begin_relay([(self.called_port[code], self.leaf_port[code]) for code in tree.inner])
        for code in codes:
            os.mkdir(self.node(code))
            if durable:
                subprocess.run(['chattr', '+S', self.node(code)], check=True)
            self.write_configuration(code)
            self.start(code)
        self.make_streams()

    def url(self, code):
        return f'nats://127.0.0.1:{self.client_port[code]}'

    def subject(self, code):
        return f'matter.{code}'

    def stream(self, code):
        return ('ALL' if code in self.leaf_port else 'OWN') + code

    def write_configuration(self, code):
        """Children must hear of the relay's port, or they learn the real one and go round a cut."""
        parent = self.tree.parent[code]
        leaf = ''
        if code in self.leaf_port:
            leaf += (f'listen: "127.0.0.1:{self.leaf_port[code]}", '
                     f'advertise: "127.0.0.1:{self.called_port[code]}", ')
        if parent:
            leaf += ('reconnect: 1, remotes: [ { url: '
                     f'"nats://127.0.0.1:{self.called_port[parent]}" }} ]')
        with open(os.path.join(self.node(code), 'conf'), 'w', encoding='utf-8') as file:
            file.write(f'server_name: "{code}"\n'
                       f'listen: "127.0.0.1:{self.client_port[code]}"\n'
                       f'jetstream {{ store_dir: "{self.node(code)}/js", domain: "D{code}", '
                       'max_mem: 256M, max_file: 30G }\n'
                       f'leafnodes {{ {leaf} }}\n')

    def start(self, code):
        self.nodes[code] = self.place.start(
            ['nats-server', '-c', os.path.join(self.node(code), 'conf')],
            os.path.join(self.node(code), 'log'))

    def make_streams(self):
        for code in self.tree.leaves:
            ask('bench_nats', 'stream', self.url(code), self.stream(code), self.subject(code))
        for code in reversed(self.tree.inner):
            until(lambda one=code: self.gather(one), f'gathering at {code}')

    def gather(self, code):
        sources = [f'{self.stream(child)}:D{child}' for child, parent in self.tree.parent.items()
                   if parent == code]
        try:
            ask('bench_nats', 'gather', self.url(code), self.stream(code), *sources)
        except RuntimeError:
            return False
        return True

    def records(self, code):
        return ask('bench_nats', 'count', self.url(code), self.stream(code))['messages']

    def put(self, code, count, *above):
        self.gathered += count
        return ask('bench_nats', 'put', self.url(code), self.subject(code), self.take(count), count,
                   IN_FLIGHT, *above)

    def root_stream(self):
        return self.url(self.tree.root), self.stream(self.tree.root)

    def steady(self, child, count):
        return self.put(child, count, *self.root_stream(), self.gathered + count)

    def backlog(self, child, count):
        before = self.gathered
        self.put(child, count)
        return before

    def arrival(self, backlogs):
        began_ns = now_ns()
        self.relay.order('heal')
        seen = ask('bench_nats', 'seen', *self.root_stream(), min(backlogs), self.gathered)
        return (seen['first_ns'] - began_ns) / 1e9, (seen['last_ns'] - began_ns) / 1e9

    def latency(self, child, count):
        self.gathered += count
        return ask('bench_nats', 'latency', self.url(child), self.subject(child), self.take(count),
                   count, *self.root_stream())

    def local_many(self, child, count):
        return self.put(child, count)

    def local_one(self, child, count):
        self.gathered += count
        return ask('bench_nats', 'latency', self.url(child), self.subject(child), self.take(count),
                   count)

    def get(self, child, count, in_flight):
        """Messages by their places all over the stream: the nearest it has to reading by id."""
        return ask('bench_nats', 'get', self.url(child), self.stream(child), self.records(child),
                   count, in_flight)

    def restart(self, child, records):
        load = self.place.start(
            [program_path('bench_nats'), 'put', self.url(child), self.subject(child),
             str(self.take(records)), str(records), str(IN_FLIGHT)], self.place.path('killed.log'))
        before = self.records(child)
        until(lambda: self.records(child) > before + 1000, 'a load')
        self.place.stop(self.nodes[child], signal.SIGKILL)
        self.place.stop(load, signal.SIGKILL)
        began_ns = now_ns()
        self.start(child)
        ready = ask('bench_nats', 'ready', self.url(child), self.stream(child), before // 2)
        return (ready['at_ns'] - began_ns) / 1e9
