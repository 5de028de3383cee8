"""Rows S16 and S17: one node that grows, read by id, by index, by day, in groups, and asked for its
roll-ups. Ours keeps three indexes and three declared roll-ups up to date in the writing step."""
import os
import random

from nats import Nats
from ours import Ours
from rows import HIGHER, LOWER, AgainstLimit, Against, AtLeast
from world import HERE, say, star

TYPES = os.path.join(HERE, 'types-read.yaml')
IN_FLIGHT, SQL_IN_FLIGHT = 256, 32
GETS, LOOKUPS, ANSWERS, LISTS = 20_000, 5_000, 1_000, 20
DAY_MS = 977 * 1000  # of a thousand records; see corpus.c
NODE = 'V1'


def fill(ours, size):
    there = ours.records(NODE)
    while there < size:
        some = min(size - there, 100_000)
        ours.local_many(NODE, some)
        there += some


def sample(ours, count):
    """Ids and references from all over the store."""
    ends = 'SELECT ms(ts) AS ts FROM matter ORDER BY ts {} LIMIT 1'
    first, last = (ours.rows(NODE, ends.format(way))[0]['ts'] for way in ('ASC', 'DESC'))
    found = []
    for _ in range(20):
        at = random.randint(first, max(first, last - 2 * DAY_MS))
        found += ours.rows(NODE, 'SELECT id, ref FROM matter WHERE ts >= '
                           f"strftime('%Y-%m-%dT%H:%M:%fZ', {at} / 1000.0, 'unixepoch') "
                           f'ORDER BY ts LIMIT {count // 20}')
    random.shuffle(found)
    return found, first, last


def apart_from_each_other(found, size):
    """Ids that no window has: one author wrote all, so they count up in one epoch."""
    begin = found[0]['id'][:24]
    return [f'{begin}{random.randint(1, size):08x}' for _ in range(GETS)]


def days(first, last):
    """Lists of about a thousand records each, as a day's would be."""
    for _ in range(LISTS):
        at = random.randint(first, max(first, last - DAY_MS))
        yield {'text': "SELECT * FROM matter WHERE ts >= strftime('%Y-%m-%dT%H:%M:%fZ', :a, "
                       "'unixepoch') AND ts < strftime('%Y-%m-%dT%H:%M:%fZ', :b, 'unixepoch') "
                       'ORDER BY ts',
               'parameters': {'a': str(at // 1000), 'b': str((at + DAY_MS) // 1000)}}


def by_id(bench, ours, nats, size, found):
    row = bench.row('S16', f'reads by id of {size:,} records, {IN_FLIGHT} in flight', 'reads/s',
                    HIGHER, 5, None)
    row.note = 'in twenty places of the store; the peer by place'
    asked = [{'type': 'matter', 'id': one['id']} for one in found[:GETS]]
    bench.rounds(row, lambda: ours.read(NODE, 'get', asked, IN_FLIGHT)['per_s'],
                 lambda: nats.get(NODE, len(asked), IN_FLIGHT)['per_s'])
    apart = bench.row('S16.apart', 'the same, each drawn from all of them', 'reads/s', HIGHER, 5,
                      None)
    apart.theirs = list(row.theirs)
    drawn = [{'type': 'matter', 'id': one} for one in apart_from_each_other(found, size)]
    bench.rounds(apart, lambda: ours.read(NODE, 'get', drawn, IN_FLIGHT)['per_s'], None)
    near = bench.row('S16.near', 'the same, a thousand neighbours again and again', 'reads/s',
                     HIGHER, 5, None)
    near.theirs = list(row.theirs)
    ids = ours.rows(NODE, 'SELECT id FROM matter ORDER BY created DESC LIMIT 1000')
    asked = [{'type': 'matter', 'id': one['id']} for one in ids] * (len(asked) // 1000)
    bench.rounds(near, lambda: ours.read(NODE, 'get', asked, IN_FLIGHT)['per_s'], None)


def by_index(bench, ours, size, found, first, last):
    row = bench.row('S16.sql', f'SQL by an index, {size:,} records, {SQL_IN_FLIGHT} in flight',
                    'queries/s', HIGHER, 20_000, None, kind=AtLeast)
    asked = [{'text': 'SELECT * FROM matter WHERE ref = :ref', 'parameters': {'ref': one['ref']}}
             for one in found[:LOOKUPS]]
    bench.rounds(row, lambda: ours.read(NODE, 'sql', asked, SQL_IN_FLIGHT)['per_s'], None)
    day = bench.row('S16.day', f"a day's list of a thousand records among {size:,}, by an index",
                    'ms', LOWER, None, None, kind=Against)
    asked = list(days(first, last))
    bench.rounds(day, lambda: ours.read(NODE, 'sql', asked, 1)['p50_us'] / 1e3, None)
    group = bench.row('S16.group', f'group by over an index, {size:,} records', 's', LOWER, None,
                      None, kind=Against)
    asked = [{'text': 'SELECT kind, state, count(*) FROM matter GROUP BY kind, state',
              'timeout_ms': 600_000}]
    bench.rounds(group, lambda: ours.read(NODE, 'sql', asked, 1)['seconds'], None)


def answers(bench, ours, size):
    """p50 of an answer in milliseconds, as often as there are rounds."""
    asked = [{'name': 'matters', 'by': 'kind'}] * ANSWERS
    runs = [ours.read(NODE, 'rollup', asked, 1)['p50_us'] / 1e3
            for _ in range(bench.options.rounds)]
    say(f'S17: {size:,} records, answers in {", ".join(f"{run:.3f}" for run in runs)} ms')
    return runs


def one_store(bench):
    tree = star(1)
    ours = Ours(bench.place, tree, 'reads', types=TYPES)
    ours.relay.order('cut')  # one node alone
    nats = Nats(bench.place, tree, 'reads-nats') if bench.wants('S16') else None
    sizes = bench.options.sizes
    took = {}
    for size in sizes:
        fill(ours, size)
        if bench.wants('S17'):
            took[size] = answers(bench, ours, size)
    if bench.wants('S17'):
        flat = bench.row('S17', f'a roll-up answer at {sizes[-1]:,} records', 'ms', LOWER, 1.5, 1.1,
                         kind=AgainstLimit)
        flat.ours, flat.limits = took[sizes[-1]], took[sizes[0]]
        flat.note = (f'the limit is the same at {sizes[0]:,}; {flat.middle(took[sizes[1]]):.3g} ms '
                     f'at {sizes[1]:,}')
    if bench.wants('S16'):
        nats.put(NODE, sizes[-1])
        found, first, last = sample(ours, GETS)
        by_id(bench, ours, nats, sizes[-1], found)
        by_index(bench, ours, sizes[-1], found, first, last)
        nats.stop()
    ours.stop()
