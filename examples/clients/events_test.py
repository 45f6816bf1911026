"""What the client does where events are refused. Run it with `python3 examples/clients/events_test.py`."""
import json
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer

from events import Events, wait


class Probity(BaseHTTPRequestHandler):
    """Takes at most `most` events at once, refuses those that say `bad` by themselves, of which it names `named`, and whole bodies with one that
    says `worse`. What it answers is `cut` off."""

    most, named, down, cut, taken = 4, 9, False, False, []

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
        self.answer(200, {"refused": {"list": faults[: self.named], "more": len(faults[self.named :])}})

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body) + self.cut))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Clients(unittest.TestCase):
    def setUp(self):
        self.server = HTTPServer(("127.0.0.1", 0), Probity)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        Probity.taken, Probity.down, Probity.cut, Probity.named, self.refused = [], False, False, 9, []

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

    def test_what_is_refused_and_not_named_is_asked_for(self):
        Probity.named = 1
        with self.events(batch=4) as events:
            for n in range(4):
                events.tell("k", n=n, word="good" if n == 1 else "bad")
        self.assertEqual(sorted(self.refused), [0, 2, 3])
        self.assertEqual(set(Probity.taken), {1})

    def test_an_answer_that_is_cut_off_loses_nothing(self):
        events, Probity.cut = self.events(), True
        events.tell("k", n=1)
        self.assertRaises(RuntimeError, events.flush)
        self.assertEqual(len(events.waiting), 1)
        Probity.cut = False
        events.flush()
        self.assertEqual(Probity.taken, [1, 1])

    def test_when_to_try_again_may_be_a_date(self):
        self.assertEqual([wait("3", 9.0), wait("-1", 9.0), wait(None, 9.0), wait("soon", 9.0)], [3.0, 0.0, 9.0, 9.0])
        self.assertEqual(wait("Wed, 21 Oct 2015 07:28:00 GMT", 9.0), 0.0)
        self.assertGreater(wait("Wed, 21 Oct 2099 07:28:00 GMT", 9.0), 1e6)

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
