"""A probe in Python: watches a small text file that holds one queue a line, `NAME DEPTH WAITED_SECONDS`.

    probity build examples/python

Everything that it may ask and answer is described in .probity/wit/probity.wit, which the build writes. A call that fails
raises `Err`, whose `value` is the failure; any other exception ends the run as a trap.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import config, log, state
from wit_world.imports.failure import Failure
from wit_world.imports.health import Check, Status
from wit_world.imports.metrics import Counter, Gauge, Histogram

MISBEHAVIOURS = ("trap", "spin", "fail", "flood")


@dataclass
class Queue:
    """One line of the file."""

    name: str
    depth: int
    waited: float


class Collector(exports.Collector):
    """What the host calls. Each call has an object of its own: what is to last is kept in the module."""

    def start(self) -> None:
        global probe
        probe = Probe()

    def collect(self) -> None:
        probe.collect()


class Probe:
    """What the configuration says, and what is defined once: both stay as they are while this instance lives."""

    def __init__(self) -> None:
        self.configure()
        self.depth = Gauge.define("queue_depth", "", "Entries that wait.", ["queue"])
        self.highest = Gauge.define("queue_depth_highest", "", "Most entries that ever waited.", ["queue"])
        self.polls = Counter.define("queue_polls_total", "", "Times the queues were read.", [])
        self.wait = Histogram.define("queue_wait_seconds", "seconds", "How long entries waited.", [], [0.1, 1, 10, 60])
        self.backlog = Check.define("backlog", "Queues are short")
        log.log(log.Level.INFO, f"watching {self.file}")

    def configure(self) -> None:
        self.file = config.get("file")
        if self.file is None:
            raise Err(Failure.bad_config("`file` must be given: an absolute path"))
        if not self.file.startswith("/"):
            raise Err(Failure.bad_config(f'`file` must be an absolute path, not "{self.file}"'))
        warn = config.get("warn") or "100"
        self.warn = number(warn)
        if self.warn is None or self.warn <= 0:
            raise Err(Failure.bad_config(f'`warn` must be a number above 0, not "{warn}"'))
        self.misbehave = config.get("misbehave")
        if self.misbehave not in (None, *MISBEHAVIOURS):
            raise Err(Failure.bad_config(f'`misbehave` must be trap, spin, fail or flood, not "{self.misbehave}"'))

    def collect(self) -> None:
        queues = self.read()
        for queue in queues:
            self.depth.set([queue.name], queue.depth)
            self.wait.observe([], queue.waited)
            self.highest.set([queue.name], highest(queue))
        self.polls.add([], 1)
        self.report(queues)
        misbehave(self.misbehave)

    def read(self) -> list[Queue]:
        try:
            with open(self.file, encoding="utf-8") as lines:
                return [queue for number, line in enumerate(lines, 1) if (queue := self.parse(number, line))]
        except OSError as error:
            raise Err(self.unreadable(error)) from error

    def unreadable(self, error: OSError) -> Failure:
        """Says whether the operator has to grant the file: what is not granted looks as if it were not there."""
        granted = any(folder.is_dir() for folder in Path(self.file).parents)
        if isinstance(error, PermissionError) or not granted:
            return Failure.denied(f'{self.file} is not granted: add grant = {{ read = ["{self.file}"] }}')
        return Failure.unavailable(f"{self.file}: {error.strerror}")

    def parse(self, number_of_line: int, line: str) -> Queue | None:
        words = line.split()
        if not words or words[0].startswith("#"):
            return None
        waited = number(words[2]) if len(words) == 3 else None
        if waited is None or waited < 0 or not words[1].isdecimal():
            expected = "expected NAME DEPTH WAITED_SECONDS, such as mail 12 3.5"
            raise Err(Failure.unavailable(f"{self.file}, line {number_of_line}: {expected}"))
        return Queue(words[0], int(words[1]), waited)

    def report(self, queues: list[Queue]) -> None:
        longest = max(queues, key=lambda queue: queue.depth, default=None)
        if longest is None:
            self.backlog.report(Status.PASS, "no queues")
        elif longest.depth >= self.warn:
            self.backlog.report(Status.WARN, f"{longest.name} has {longest.depth}: warns from {self.warn:g}")
        else:
            count = "1 queue" if len(queues) == 1 else f"{len(queues)} queues"
            self.backlog.report(Status.PASS, f"{count}, the longest is {longest.name} with {longest.depth}")


def highest(queue: Queue) -> int:
    """The highest depth that this queue ever had, which outlives traps, reloads and restarts."""
    key = f"highest/{queue.name}"
    kept = state.get_text(key)
    if kept is not None and int(kept) >= queue.depth:
        return int(kept)
    state.put_text(key, str(queue.depth))
    return queue.depth


def number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def misbehave(how: str | None) -> None:
    """Does wrong on purpose what the configuration asks for: what the conformance suite needs, and no other probe."""
    if how == "trap":
        raise RuntimeError("asked to trap")
    while how == "spin":
        pass
    if how == "fail":
        raise Err(Failure.other("asked to fail"))
    if how == "flood":
        for _ in range(20):
            log.log(log.Level.INFO, "flooding")
