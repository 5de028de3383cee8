"""The rows of the table: each measured in turn, ours, the peer, the bare parts, as often as asked.

Ours always means: signed, verified, encrypted, durable before acknowledging at both ends, one
secondary index and the roll-ups up to date when the time is taken.
"""
import statistics
import time

from nats import Nats
from ours import Ours
from world import ROOT, ask, county, say, star

HIGHER, LOWER, SIZE = 'higher', 'lower', 'size'  # what is better, and what a ratio means


class Row:
    """One line of the result. Runs of all three are kept in the order in which they were made."""

    def __init__(self, aim, what, unit, better, floor, target):
        self.aim, self.what, self.unit, self.better = aim, what, unit, better
        self.floor, self.target = floor, target
        self.ours, self.theirs, self.limits = [], [], []
        self.note = ''

    @staticmethod
    def middle(runs):
        return statistics.median(runs) if runs else None

    def ratio(self):
        """How many times better for rates and times; ours by theirs for sizes and costs."""
        ours, theirs = self.middle(self.ours), self.middle(self.theirs)
        if not ours or not theirs:
            return None
        return theirs / ours if self.better == LOWER else ours / theirs

    def reaches(self, bound):
        ratio = self.ratio()
        if ratio is None or bound is None:
            return None
        return ratio <= bound if self.better == SIZE else ratio >= bound


class Against(Row):
    """A row whose floor is a figure of our own, and not a ratio to the peer's."""

    def figure(self):
        return self.middle(self.ours)

    def reaches(self, bound):
        figure = self.figure()
        return None if figure is None or bound is None else figure <= bound


class AtLeast(Against):
    """The same, where more is better."""

    def reaches(self, bound):
        figure = self.figure()
        return None if figure is None or bound is None else figure >= bound


class AgainstLimit(Against):
    """A row whose floor is a ratio to the bare parts."""

    def figure(self):
        limit = self.middle(self.limits)
        return self.middle(self.ours) / limit if self.ours and limit else None

    def ratio(self):
        return self.figure()


class Bench:
    def __init__(self, place, options):
        self.place, self.options = place, options
        self.limit_count = 0
        self.rows = []

    def limit(self, what, *words):
        self.limit_count += 1
        return ask('bench_limit', what, self.place.path(f'limit{self.limit_count}'), *words)

    def row(self, *words, kind=Row):
        row = kind(*words)
        self.rows.append(row)
        return row

    def rounds(self, row, ours, theirs, limit=None, rounds=None):
        for number in range(rounds or self.options.rounds):
            row.ours.append(ours())
            if theirs:
                row.theirs.append(theirs())
            if limit:
                row.limits.append(limit())
            say(f'{row.aim} round {number + 1}: ' + ', '.join(
                f'{name} {runs[-1]:.6g}' for name, runs in
                (('ours', row.ours), ('theirs', row.theirs), ('limit', row.limits)) if runs))

    def wants(self, *aims):
        names = self.options.names
        return not names or any(aim in names for aim in aims)


def linked_pair(bench):
    """S1 S3 S4 S5 S6 S7 S8 S9 S12 S15: one child below one parent."""
    tree = star(1)
    ours = Ours(bench.place, tree, 'pair')
    nats = Nats(bench.place, tree, 'nats')
    if bench.wants('S1'):
        steady(bench, ours, nats)
    if bench.wants('S3', 'S4', 'S5', 'S9', 'S14'):
        catch_up(bench, ours, nats)
    if bench.wants('S8'):
        local_writes(bench, ours, nats)
    if bench.wants('S6'):
        lone_bytes(bench, ours, nats)
    if bench.wants('S7'):
        lone_latency(bench, ours)
    if bench.wants('S15'):
        rest_bytes(bench, ours, nats)
    if bench.wants('S12'):
        restarts(bench, ours, nats)
    ours.stop()
    nats.stop()


def steady(bench, ours, nats):
    row = bench.row('S1', 'end to end while writing', 'records/s', HIGHER, 3, 5)
    count = bench.options.steady
    bench.rounds(row, lambda: ours.steady('V1', count)['visible_per_s'],
                 lambda: nats.steady('V1', count)['visible_per_s'],
                 lambda: bench.limit('arrive', count)['per_s'])


def catch_up(bench, ours, nats):
    """One cut a round; what is learned from it goes into four rows."""
    count = bench.options.backlog
    all_seen = bench.row('S3', f'catch-up of {count:,} records', 's', LOWER, 3.5, 5)
    first = bench.row('S4', 'link up until the first new record is seen', 's', LOWER, 10, 25)
    wire = bench.row('S5', 'bytes on the wire, bulk, both directions', 'bytes/record', SIZE, 0.30,
                     0.22)
    share = bench.row('S14', 'share of the bare parts\' rate reached in catch-up', 'of 1', SIZE,
                      0.5, 0.75, kind=AtLeast)
    cost = bench.row('S9', "parent's processor time in catch-up", 'us/record', SIZE, 0.5, 0.25)

    def once(who):
        began = time.monotonic()
        who.relay.order('cut')
        backlog = who.backlog('V1', count)
        time.sleep(max(0, began + bench.options.cut_s - time.monotonic()))
        bytes_before, spent_before = who.relay.order('count'), who.processor_s('C')
        first_s, all_s = who.arrival([backlog])
        time.sleep(1)  # marks and credit behind the last record
        moved = who.relay.order('count') - bytes_before
        spent = who.processor_s('C') - spent_before
        kept = 'ours' if who is ours else 'theirs'
        getattr(first, kept).append(first_s)
        getattr(wire, kept).append(moved / count)
        getattr(cost, kept).append(spent * 1e6 / count)
        return all_s

    def limit():
        bare = bench.limit('arrive', count)
        wire.limits.append(bare['bytes_a_record'])
        return count / bare['per_s']
    bench.rounds(all_seen, lambda: once(ours), lambda: once(nats), limit)
    share.ours = [bare / mine for bare, mine in zip(all_seen.limits, all_seen.ours)]
    for row in (first, wire, cost):
        say(f'{row.aim}: ours {row.middle(row.ours):.6g}, theirs {row.middle(row.theirs):.6g}')


def local_writes(bench, ours, nats):
    row = bench.row('S8', 'local durable writes, 64 clients with 64 records in flight each',
                    'records/s', HIGHER, 2, 3)
    row.note = 'the peer acknowledges before it syncs'
    count = bench.options.steady
    bench.rounds(row, lambda: ours.local_many('V1', count)['per_s'],
                 lambda: nats.local_many('V1', count)['per_s'],
                 lambda: bench.limit('batch', count, 4096)['per_s'])
    one = bench.row('S8.one', "one client's durable write, p50", 'us', LOWER, 1.3, 1.15,
                    kind=AgainstLimit)
    one.note = 'floor and aim by the bare commit'
    count = bench.options.lone
    bench.rounds(one, lambda: ours.local_one('V1', count)['p50_us'],
                 lambda: nats.local_one('V1', count)['p50_us'],
                 lambda: bench.limit('commit', count)['p50_us'])


def lone_bytes(bench, ours, nats):
    """One record after the other, each seen before the next is written."""
    row = bench.row('S6', 'bytes for a lone record, both directions', 'bytes/record', SIZE, 0.75,
                    0.60)
    count = bench.options.lone

    def once(who):
        before = who.relay.order('count')
        who.latency('V1', count)
        time.sleep(1)
        return (who.relay.order('count') - before) / count
    bench.rounds(row, lambda: once(ours), lambda: once(nats))


def lone_latency(bench, ours):
    """Against the peer made durable: its files written synchronously at both ends."""
    row = bench.row('S7', 'one record, child to parent, p50 above two bare commits', 'us', LOWER,
                    250, 120, kind=Against)
    nats = Nats(bench.place, star(1), 'nats-durable', durable=True)
    count = bench.options.lone
    totals = []

    def once():
        commit = bench.limit('commit', count)['p50_us']
        row.limits.append(2 * commit)
        totals.append(ours.latency('V1', count)['p50_us'])
        return totals[-1] - 2 * commit
    bench.rounds(row, once, lambda: nats.latency('V1', count)['p50_us'])
    row.note = (f'all of it {row.middle(totals):.0f} us; theirs is all of it, durable; '
                'the limit is two bare commits')
    nats.stop()


def rest_bytes(bench, ours, nats):
    """What lies on the parent's disk, and what an idle link carries."""
    disk = bench.row('S15', "a record on the parent's disk, index included", 'bytes', SIZE, 0.7,
                     0.45)
    idle = bench.row('S15.idle', 'an idle link, one minute', 'bytes', SIZE, 0.3, 0.1)
    for who, kept in ((ours, disk.ours), (nats, disk.theirs)):
        records = who.records('C')
        if records < 1000:
            who.steady('V1', bench.options.steady)
            records = who.records('C')
        kept.append(who.disk('C') / records)
    time.sleep(bench.options.quiet_s)
    before = [who.relay.order('count') for who in (ours, nats)]
    time.sleep(60)
    idle.ours.append(ours.relay.order('count') - before[0])
    idle.theirs.append(nats.relay.order('count') - before[1])
    say(f'S15: ours {disk.ours[0]:.0f} and {idle.ours[0]}, '
        f'theirs {disk.theirs[0]:.0f} and {idle.theirs[0]}')


def restarts(bench, ours, nats):
    row = bench.row('S12', 'SIGKILL under load until the first correct read', 's', LOWER, 2, 5)
    count = bench.options.steady
    for who in (ours, nats):
        while who.records('V1') < bench.options.stored:
            who.local_many('V1', count)
    row.note = f'{ours.records("V1"):,} and {nats.records("V1"):,} records'
    bench.rounds(row, lambda: ours.restart('V1', 4 * count), lambda: nats.restart('V1', 4 * count),
                 lambda: bench.limit('open', bench.options.stored)['ms'] / 1e3)


def after_cut(bench, who, count):
    """Seconds from the links' return until the root has what every leaf wrote meanwhile."""
    began = time.monotonic()
    who.relay.order('cut')
    backlogs = [who.backlog(code, count) for code in who.tree.leaves]
    time.sleep(max(0, began + bench.options.cut_s - time.monotonic()))
    return who.arrival(backlogs)[1]


def many_children(bench):
    """S10: 23 children of one parent."""
    tree, count = star(23), 1000
    ours = Ours(bench.place, tree, 'star')
    nats = Nats(bench.place, tree, 'star-nats')
    row = bench.row('S10', f'23 children after a cut, {count:,} records each', 's', LOWER, 2, 4)
    bench.rounds(row, lambda: after_cut(bench, ours, count), lambda: after_cut(bench, nats, count),
                 lambda: 23 * count / bench.limit('arrive', 23 * count)['per_s'])
    ours.stop()
    nats.stop()


MIB = 1 << 20


def whole_county(bench):
    """S10 S11 in the reference county's tree, the peer's servers in the same four tiers. One after
    the other: both together don't fit everywhere."""
    tree, count = county(f'{ROOT}/data/yongshun.csv'), bench.options.county
    cut = bench.row('S10.county', f"the reference county's {len(tree.leaves)} leaves after a cut, "
                    f'{count:,} records each', 's', LOWER, 2, 5)
    memory = bench.row('S11', f"anonymous memory of the reference county's {len(tree.parent)} "
                       'nodes, caught up', 'MiB', SIZE, 0.1, None)
    for system, kept in ((Ours, 'ours'), (Nats, 'theirs')):
        who = system(bench.place, tree, f'county-{kept}')
        for number in range(bench.options.county_rounds):
            getattr(cut, kept).append(after_cut(bench, who, count))
            say(f'S10.county round {number + 1}: {kept} {getattr(cut, kept)[-1]:.3g}')
        time.sleep(bench.options.quiet_s)
        getattr(memory, kept).append(sum(who.memory(code) for code in who.nodes) / MIB)
        memory.note += (f'{kept}: the root {who.memory(tree.root) / MIB:.1f}, a leaf '
                        f'{who.memory(tree.leaves[0]) / MIB:.1f} MiB; ')
        say(f'S11: {kept} {getattr(memory, kept)[0]:.0f} MiB; {memory.note}')
        who.stop()
    memory.note += 'the aim is 2 MiB a node and 20 the root'
    memory.target = round((2 * len(tree.parent) + 18) / memory.theirs[0], 4)
