#!/usr/bin/env python3
"""Which share of the pure core's lines the tests have run.

coverage.py ROOT BUILD LEAST: BUILD was compiled with --coverage and its tests have run. Prints a
line for each room and the total; ends with 1 when the total is below LEAST percent. gcov counts;
lines of a file that stands in several objects are run when any of them has run them."""
import json
import pathlib
import subprocess
import sys

ROOMS = ("base", "schema", "topology", "replication")


def counts_of(notes, build):
    """{source: {line: runs}} of one object, as gcov has it."""
    answer = subprocess.run(["gcov", "--json-format", "--stdout", str(notes)], cwd=build,
                            capture_output=True, check=True, text=True)
    found = {}
    for text in answer.stdout.splitlines():
        for entry in json.loads(text)["files"]:
            lines = found.setdefault(entry["file"], {})
            for line in entry["lines"]:
                number = line["line_number"]
                lines[number] = lines.get(number, 0) + line["count"]
    return found


def collect(root, build):
    sources = {}
    for room in ROOMS:
        for notes in sorted((build / room).rglob("*.gcno")):
            for name, lines in counts_of(notes, build).items():
                path = pathlib.Path(build, name).resolve()
                if not path.is_relative_to(root) or path.is_relative_to(build):
                    continue
                merged = sources.setdefault(path.relative_to(root), {})
                for number, runs in lines.items():
                    merged[number] = merged.get(number, 0) + runs
    return sources


def share(files):
    lines = sum(len(counted) for counted in files.values())
    run = sum(1 for counted in files.values() for runs in counted.values() if runs > 0)
    return lines, run, 100.0 * run / lines if lines else 0.0


def main():
    root, build = (pathlib.Path(place).resolve() for place in sys.argv[1:3])
    least = float(sys.argv[3])
    sources = {path: lines for path, lines in collect(root, build).items()
               if path.parts[0] in ROOMS}
    if not sources:
        sys.exit(f"coverage: {build} has no counts; compile it with coverage and run its tests")
    for room in ROOMS:
        lines, run, percent = share({p: c for p, c in sources.items() if p.parts[0] == room})
        print(f"coverage of {room + '/':13} {percent:5.1f} % of {lines} lines")
    weakest = sorted(sources, key=lambda path: share({path: sources[path]})[2])[:5]
    for path in weakest:
        print(f"  least covered: {path} {share({path: sources[path]})[2]:.1f} %")
    lines, run, percent = share(sources)
    print(f"coverage of the pure core: {percent:.1f} % of {lines} lines ({run} run; "
          f"at least {least:g} %)")
    if percent < least:
        sys.exit(1)


if __name__ == "__main__":
    main()
