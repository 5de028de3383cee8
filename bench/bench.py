#!/usr/bin/env python3
"""./dev bench [NAME...] [--json] [--quick]: ours, NATS and the bare parts, in turn, in one run."""
import argparse
import json
import os
import subprocess
import sys
import time

import reads
import rows
from nats import version
from world import HERE, ROOT, Place, say

HISTORY = os.path.join(HERE, 'history.ndjson')
PAIR = ('S1', 'S3', 'S4', 'S5', 'S6', 'S7', 'S8', 'S9', 'S12', 'S14', 'S15')
READS = ('S16', 'S17')
COUNTY = ('S10.county', 'S11')


def options_of(words):
    parser = argparse.ArgumentParser(prog='./dev bench', description=__doc__)
    parser.add_argument('names', nargs='*', metavar='NAME', help='rows, as S3; all when none')
    parser.add_argument('--json', action='store_true', help='one line of JSON a row on stdout')
    parser.add_argument('--quick', action='store_true', help='3 rounds of less')
    parser.add_argument('--full', action='store_true', help='catch-up of 1,000,000 records')
    parser.add_argument('--rounds', type=int, help='5 unless given, 3 with --quick')
    parser.add_argument('--markdown', action='store_true', help='the table as docs/speed.md has it')
    parser.add_argument('--record', action='store_true', help='add the rows to the history')
    parser.add_argument('--directory', default='/var/tmp', help='where stores are made')
    options = parser.parse_args(words)
    quick = options.quick
    options.rounds = options.rounds or (3 if quick else 5)
    options.steady = 50_000 if quick else 100_000
    options.backlog = 1_000_000 if options.full else 50_000 if quick else 200_000
    options.lone = 100 if quick else 300
    options.cut_s = 5 if quick else 10
    options.quiet_s = 5 if quick else 35
    options.stored = 200_000 if quick else 1_000_000
    options.sizes = (10_000, 50_000, 200_000) if quick else (10_000, 100_000, 1_000_000)
    options.county = 100 if quick else 1000
    options.county_rounds = 1 if quick else 2
    return options


def rounded(number):
    return None if number is None else float(f'{number:.5g}')


def line_of(row, peer):
    return {'aim': row.aim, 'ours': rounded(row.middle(row.ours)), 'unit': row.unit, 'peer': peer,
            'theirs': rounded(row.middle(row.theirs)), 'limit': rounded(row.middle(row.limits)),
            'ratio': rounded(row.ratio()), 'floor': row.floor, 'target': row.target,
            'met': row.reaches(row.floor), 'target_met': row.reaches(row.target),
            'what': row.what, 'better': row.better, 'note': row.note,
            'runs': {'ours': [rounded(one) for one in row.ours],
                     'theirs': [rounded(one) for one in row.theirs],
                     'limit': [rounded(one) for one in row.limits]}}


def readable(number):
    return f'{number:,.0f}' if abs(number) >= 1000 else f'{number:.3g}'


def spread(runs):
    if not runs:
        return '-'
    if len(runs) == 1:
        return readable(runs[0])
    return f'{readable(rows.Row.middle(runs))} ({readable(min(runs))}..{readable(max(runs))})'


HEAD = ('row', 'unit', 'ours', 'theirs', 'limit', 'ratio', 'floor', 'aim', 'met')


def cells_of(line):
    met = {None: '-', True: 'floor', False: 'no'}[line['met']]
    return (line['aim'], line['unit'], *(spread(line['runs'][who])
                                         for who in ('ours', 'theirs', 'limit')),
            '-' if line['ratio'] is None else f"{line['ratio']:.3g}", str(line['floor']),
            str(line['target']), 'aim' if line['met'] and line['target_met'] else met)


def print_markdown(lines):
    print('| row | what | ' + ' | '.join(HEAD[1:]) + ' |')
    print('|---' * (len(HEAD) + 1) + '|')
    for line in lines:
        aim, *cells = cells_of(line)
        what = line['what'] + (f" ({line['note']})" if line['note'] else '')
        print(f'| {aim} | {what} | ' + ' | '.join(cells) + ' |')


def print_table(lines):
    table = [HEAD, *map(cells_of, lines)]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEAD))]
    for row in table:
        print('  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def output_of(*words):
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=ROOT)
    return done.stdout.strip()


def circumstances():
    commit = output_of('git', 'rev-parse', '--short', 'HEAD')
    if output_of('git', 'status', '--porcelain', '--untracked-files=no', '--', '.',
                 ':!bench/history.ndjson'):
        commit += '+'
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        model = next((line.partition(':')[2].strip() for line in file
                      if line.startswith('model name')), 'unknown')
    return {'commit': commit, 'date': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
            'cores': os.cpu_count(), 'processor': model,
            'load': round(os.getloadavg()[0], 2)}


def record(lines, about):
    with open(HISTORY, 'a', encoding='utf-8') as file:
        for line in lines:
            file.write(json.dumps({**about, **line}, ensure_ascii=False) + '\n')


def main():
    options = options_of(sys.argv[1:])
    place = Place(options.directory)
    bench = rows.Bench(place, options)
    about = circumstances()
    began = time.monotonic()
    try:
        if bench.wants(*PAIR):
            rows.linked_pair(bench)
        if bench.wants(*READS):
            reads.one_store(bench)
        if bench.wants('S10'):
            rows.many_children(bench)
        if bench.wants(*COUNTY):
            rows.whole_county(bench)
    finally:
        place.end()
    lines = [line_of(row, f'nats-{version()}') for row in bench.rows]
    about['load_after'] = round(os.getloadavg()[0], 2)
    if options.record:
        record(lines, about)
    for line in lines if options.json else ():
        print(json.dumps(line, ensure_ascii=False))
    if options.markdown:
        print_markdown(lines)
    elif not options.json:
        print_table(lines)
    say(f'{time.monotonic() - began:.0f} s, load {about["load"]} before and '
        f'{about["load_after"]} after')


if __name__ == '__main__':
    main()
