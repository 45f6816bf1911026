"""Runs `probity top` on a pseudo-terminal as a person would, and looks at what is left of the terminal. Usage: terminal.py COMMAND…"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

# Nothing takes longer, unless it hangs.
PATIENCE = 60
WIDTH, HEIGHT = 120, 40
# Into the second screen and back from it.
ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
# An order with its numbers and its letter, or a character.
TOKENS = re.compile(r"(\x1b\[[?>=]?([0-9;]*)([A-Za-z]))|\x1b[()][A-Z0-9]|([^\x1b])")
CURSOR_SHOWN, CURSOR_HIDDEN = b"\x1b[?25h", b"\x1b[?25l"


class Person:
    """Somebody before a terminal on which the program runs."""

    def __init__(self, command):
        self.own, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self.before = termios.tcgetattr(self.theirs)
        environment = dict(os.environ, TERM="xterm-256color")
        self.program = subprocess.Popen(
            command, stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, env=environment, start_new_session=True
        )
        self.seen = b""

    def read(self):
        if select.select([self.own], [], [], 0.1)[0]:
            self.seen += os.read(self.own, 65536)

    def wait(self, what, done):
        until = time.monotonic() + PATIENCE
        while not done():
            if time.monotonic() > until:
                raise SystemExit(f"top: FAILED: {what}; this is:\n{screen(self.seen)}")
            self.read()

    def sees(self, words):
        self.wait(f"`{words}` is not seen", lambda: words in screen(self.seen))

    def types(self, keys):
        os.write(self.own, keys.encode())

    def ends(self, how):
        self.wait(f"it does not end {how}", lambda: self.program.poll() is not None)
        while select.select([self.own], [], [], 0)[0]:
            self.seen += os.read(self.own, 65536)
        if self.program.returncode != 0:
            raise SystemExit(f"top: FAILED: ended {how} with {self.program.returncode}: {self.seen!r}")
        if termios.tcgetattr(self.theirs) != self.before:
            raise SystemExit(f"top: FAILED: ended {how} the terminal's settings are not as they were")
        for back, forth in ((LEFT, ENTERED), (CURSOR_SHOWN, CURSOR_HIDDEN)):
            if self.seen.rfind(back) <= self.seen.rfind(forth):
                raise SystemExit(f"top: FAILED: ended {how} the terminal's screen or cursor is not as it was: {self.seen!r}")
        print(f"top: ended {how} it leaves the terminal as it was")
        os.close(self.own)
        os.close(self.theirs)


def screen(seen):
    """What stands on the terminal: the program draws only what differs from what was there."""
    rows = [[" "] * WIDTH for _ in range(HEIGHT)]
    row = column = 0
    for place, numbers, letter, character in TOKENS.findall(seen.decode(errors="replace")):
        if letter in "Hf" and place:
            row, column = [int(number or 1) - 1 for number in (numbers + ";").split(";")[:2]]
        elif letter == "J" and place:
            rows = [[" "] * WIDTH for _ in range(HEIGHT)]
        elif character and character.isprintable() and row < HEIGHT and column < WIDTH:
            rows[row][column] = character
            column += 1
    return "\n".join("".join(row) for row in rows)


def begun(command):
    person = Person(command)
    person.sees("saturation")
    person.sees("active")
    if termios.tcgetattr(person.theirs)[3] & (termios.ICANON | termios.ECHO):
        raise SystemExit("top: FAILED: while it runs, the terminal is not read key by key")
    return person


command = sys.argv[1:]
person = begun(command)
print("top: it shows the probe and its state")
person.types("p")
person.sees("pause saturation?")
person.types("y")
person.sees("paused")
print("top: a probe was paused by keys")
person.types("q")
person.ends("by its key")
for name in ("SIGTERM", "SIGHUP", "SIGINT"):
    # Its state is the paused one now.
    person = Person(command)
    person.sees("paused")
    os.kill(person.program.pid, getattr(signal, name))
    person.ends(f"by {name}")
# Nobody tells it of the end of a terminal that is not its session's.
person = Person(command)
person.sees("paused")
os.close(person.own)
os.close(person.theirs)
try:
    person.program.wait(PATIENCE)
except subprocess.TimeoutExpired:
    person.program.kill()
    raise SystemExit("top: FAILED: it does not end with its terminal")
print("top: it ends with its terminal")
