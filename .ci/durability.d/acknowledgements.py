#!/usr/bin/env python3
"""Reads what strace saw of one writer, and fails when it acknowledged something before that was on disk.

Usage: acknowledgements.py TRACE [--failed]. With --failed one sync of the log must have failed, and what follows it must not be
acknowledged before the log was taken in and begun anew.
"""

import re
import sys

CALL = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)(?:\(| resumed)(.*)$")
LOG, DATABASE = "probity.db-wal>", "probity.db>"


def calls(path):
    """(thread, call, arguments, whether it begins here, its result or None) of each line."""
    begun = {}
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found = CALL.match(line)
            if not found:
                continue
            thread, call, rest = found.groups()
            resumed = " resumed" in line.split(call, 1)[1][:9]
            if line.rstrip().endswith("<unfinished ...>"):
                begun[thread, call] = rest
                yield thread, call, rest, True, None
                continue
            arguments = begun.pop((thread, call), rest) if resumed else rest
            result = rest.rsplit(" = ", 1)[-1].strip() if " = " in rest else ""
            yield thread, call, arguments, not resumed, result


def main():
    path, failed = sys.argv[1], "--failed" in sys.argv
    acknowledgements = syncs = failures = after = 0
    # Of the log since it was last on disk; a sync since the last acknowledgement; who wrote it last: others sync it, too, when they take
    # it in.
    dirty, fresh, broken, writer = False, False, False, None
    for thread, call, arguments, begins, result in calls(path):
        if call == "pwrite64" and LOG in arguments and begins:
            dirty, writer = True, thread
        elif call in ("fsync", "fdatasync") and LOG in arguments and result is not None:
            if thread != writer:
                continue
            if result == "0":
                syncs += 1
                dirty, fresh = False, True
            else:
                failures += 1
                broken = True
        elif call == "ftruncate" and LOG in arguments and result == "0":
            broken, dirty = False, False
        elif call == "write" and begins and '"acknowledged ' in arguments:
            acknowledgements += 1
            after += failures > 0
            if broken:
                sys.exit(f"acknowledged after a failed sync, before the log was begun anew: {arguments}")
            if dirty or not fresh:
                sys.exit(f"acknowledged before it was on disk: {arguments}")
            fresh = False
    print(f"{acknowledgements} acknowledgements, {syncs} syncs of the log, {failures} failed")
    if acknowledgements < 100 or syncs < acknowledgements:
        sys.exit("too few: the trace shows something else")
    if failed and not (failures and after):
        sys.exit("no sync failed, or nothing was acknowledged afterwards")


main()
