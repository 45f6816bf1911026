"""Tells a Probity what a program does. Needs Python 3.8 and nothing else.

    python3 examples/clients/events.py            tells a small run to http://127.0.0.1:7762

Events are gathered and sent in batches. Each has an id of its own before it is sent for the first time, so a batch that is sent again
after a lost answer is never stored twice.
"""
import json
import os
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone


class Events:
    """Gathers events and sends them. Use it in a `with`, or call flush() at the end."""

    def __init__(self, url="http://127.0.0.1:7762", source=None, token=None, batch=500, patience=30.0):
        self.url, self.source, self.token = url.rstrip("/"), source, token
        self.batch, self.patience, self.waiting = batch, patience, []

    def tell(self, kind, run=None, correlation=None, **data):
        event = {"id": str(uuid.uuid4()), "kind": kind, "time": datetime.now(timezone.utc).isoformat(), "data": data}
        for name, value in (("source", self.source), ("run", run), ("correlation", correlation)):
            if value is not None:
                event[name] = value
        self.waiting.append(event)
        if len(self.waiting) >= self.batch:
            self.flush()

    def flush(self):
        """Returns when everything told so far is on Probity's disk; raises when it cannot be brought there."""
        if self.waiting:
            self._send("\n".join(json.dumps(event) for event in self.waiting).encode())
            self.waiting = []

    def _send(self, body):
        headers = {"content-type": "application/x-ndjson"}
        if self.token:
            headers["authorization"] = "Bearer " + self.token
        end, pause = time.monotonic() + self.patience, 0.1
        while True:
            request = urllib.request.Request(self.url + "/api/v1/events", body, headers)
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                # Its own fault is told with the place of each mistake; that of the moment (429, 503, 507) passes.
                if error.code not in (429, 500, 502, 503, 504, 507):
                    raise RuntimeError(error.read().decode(errors="replace")) from None
                pause = float(error.headers.get("retry-after", pause))
                fault = error
            except OSError as error:
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
