"""What the client does where events are refused. Run it with `python3 examples/clients/events_test.py`."""
import json
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer

from events import Events


class Probity(BaseHTTPRequestHandler):
    """Takes at most `most` events at once, refuses those that say `bad` by themselves, and whole bodies with one that says `worse`."""

    most, down, taken = 4, False, []

    def do_POST(self):
        lines = self.rfile.read(int(self.headers["content-length"])).decode().split("\n")
        if self.down:
            return self.answer(401, {})
        if len(lines) > self.most:
            return self.answer(413, {})
        if any('"worse"' in line for line in lines):
            return self.answer(422, {})
        faults = [{"line": place, "pointer": "/data", "message": "m"} for place, line in enumerate(lines, 1) if '"bad"' in line]
        self.taken.extend(json.loads(line)["data"]["n"] for line in lines if '"bad"' not in line)
        self.answer(200, {"refused": {"list": faults, "more": 0}})

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Clients(unittest.TestCase):
    def setUp(self):
        self.server = HTTPServer(("127.0.0.1", 0), Probity)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        Probity.taken, Probity.down, self.refused = [], False, []

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()

    def events(self, **settings):
        url = f"http://127.0.0.1:{self.server.server_port}"
        return Events(url, patience=0.0, on_refused=lambda event, _: self.refused.append(json.loads(event)["data"]["n"]), **settings)

    def test_what_is_refused_holds_up_no_other(self):
        with self.events(batch=10) as events:
            for n in range(20):
                events.tell("k", n=n, word={3: "bad", 12: "worse"}.get(n, "good"))
        self.assertEqual(sorted(self.refused), [3, 12])
        self.assertEqual(sorted(Probity.taken), [n for n in range(20) if n not in (3, 12)])
        self.assertEqual(events.waiting, [])

    def test_what_waits_is_bounded_and_sent_when_that_can_be(self):
        events, raised = self.events(batch=2, most=6), 0
        Probity.down = True
        for n in range(10):
            try:
                events.tell("k", n=n)
            except RuntimeError:
                raised += 1
        self.assertEqual((len(events.waiting), self.refused, raised), (6, [0, 1, 2, 3], 5))
        Probity.down = False
        events.flush()
        self.assertEqual(Probity.taken, [4, 5, 6, 7, 8, 9])

    def test_what_is_no_json_is_told_at_once(self):
        events = self.events()
        for wrong in (float("nan"), object()):
            self.assertRaises((ValueError, TypeError), events.tell, "k", n=wrong)
        self.assertEqual(events.waiting, [])


if __name__ == "__main__":
    unittest.main()
