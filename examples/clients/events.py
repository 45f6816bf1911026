"""Tells a Probity what a program does. Needs Python 3.8 and nothing else.

    python3 examples/clients/events.py            tells a small run to http://127.0.0.1:7762

Events are gathered and sent in batches. Each has an id of its own before it is sent for the first time, so a batch that is sent again
after a lost answer is never stored twice. An event that is refused for what it is goes to `on_refused`, and holds up no other.
"""
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

# Answers that say that the moment is wrong, and those that say that the events are.
PASSING, FINAL = (429, 500, 502, 503, 504, 507), (400, 409, 413, 422)


def complain(event, fault):
    print(f"event refused: {fault}: {event[:200]}", file=sys.stderr)


def wait(told, otherwise):
    """The seconds that a Retry-After tells, which may be a date."""
    try:
        return max(0.0, float(told))
    except (TypeError, ValueError):
        pass
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (TypeError, ValueError, IndexError, OverflowError):
        return otherwise


class Events:
    """Gathers events and sends them. Use it in a `with`, or call flush() at the end. At most `most` wait; with more the oldest go to
    `on_refused`, like those that Probity refuses: the event's JSON, and why."""

    def __init__(self, url="http://127.0.0.1:7762", source=None, token=None, batch=500, patience=30.0, most=10_000, on_refused=complain):
        self.url, self.source, self.token = url.rstrip("/"), source, token
        self.batch, self.patience, self.most, self.on_refused = batch, patience, most, on_refused
        self.waiting, self.untried = [], 0

    def tell(self, kind, run=None, correlation=None, **data):
        event = {"id": str(uuid.uuid4()), "kind": kind, "time": datetime.now(timezone.utc).isoformat(), "data": data}
        for name, value in (("source", self.source), ("run", run), ("correlation", correlation)):
            if value is not None:
                event[name] = value
        self.waiting.append(json.dumps(event, allow_nan=False))
        if len(self.waiting) > self.most:
            self.on_refused(self.waiting.pop(0), "too many wait")
        self.untried += 1
        if self.untried >= self.batch:
            self.flush()

    def flush(self):
        """Returns when everything told so far is on Probity's disk or refused; raises when it cannot be brought there, and keeps it."""
        self.untried = 0
        while self.waiting:
            events = self.waiting[: self.batch]
            self._send(events)
            del self.waiting[: len(events)]

    def _send(self, events):
        status, answer = self._post("\n".join(events).encode())
        refused = json.loads(answer)["refused"] if status == 200 else {"list": [], "more": 0}
        if status == 200 and (len(events) == 1 or not refused["more"]):
            for fault in refused["list"]:
                self.on_refused(events[fault["line"] - 1], f"{fault['pointer']}: {fault['message']}")
        elif len(events) == 1:
            self.on_refused(events[0], answer)
        else:
            # Too much at once, one of them is at fault, or more of them than are named: the halves are tried by themselves. What
            # was taken of them already is passed over.
            half = len(events) // 2
            self._send(events[:half])
            self._send(events[half:])

    def _post(self, body):
        headers = {"content-type": "application/x-ndjson"}
        if self.token:
            headers["authorization"] = "Bearer " + self.token
        end, pause = time.monotonic() + self.patience, 0.1
        while True:
            request = urllib.request.Request(self.url + "/api/v1/events?partial=true", body, headers)
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return 200, answer.read().decode()
            except urllib.error.HTTPError as error:
                try:
                    fault = error.read().decode(errors="replace")
                except (OSError, http.client.HTTPException):
                    fault = str(error)
                if error.code in FINAL:
                    return error.code, fault
                if error.code not in PASSING:
                    # A wrong token or a wrong address is no fault of the events: they wait until that is right.
                    raise RuntimeError(f"{self.url} did not take the events: {fault}") from None
                pause = wait(error.headers.get("retry-after"), pause)
            except (OSError, http.client.HTTPException) as error:
                # Not reached, or cut off within the answer: what became of the events is asked by sending them again.
                fault = error
            if time.monotonic() + pause > end:
                raise RuntimeError(f"{self.url} did not take the events: {fault}")
            time.sleep(pause)
            pause = min(pause * 2, 5.0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.flush()


if __name__ == "__main__":
    run = "example-" + uuid.uuid4().hex[:8]
    with Events(os.environ.get("PROBITY_URL", "http://127.0.0.1:7762"), "events.py", os.environ.get("PROBITY_TOKEN")) as events:
        events.tell("run.started", run, name="example")
        events.tell("step.thought", run, step="1", text="the file is probably a CSV")
        events.tell("step.tool_call", run, step="2", parent="1", tool="read_file", outcome="success", duration_ms=12.5)
        events.tell("artifact.created", run, artifact="report", step="2", name="report.csv", media_type="text/csv", bytes=2048)
        events.tell("run.finished", run, outcome="success")
    print(f"{events.url}/api/v1/runs/{run}")
