// Tells a Probity what a program does. Needs Node.js 18, Deno, Bun or a browser, and nothing else.
//
//   node examples/clients/events.mjs            tells a small run to http://127.0.0.1:7762
//
// Events are gathered and sent in batches. Each has an id of its own before it is sent for the first time, so a batch that is sent
// again after a lost answer is never stored twice. An event that is refused for what it is goes to `onRefused`, and holds up no other.

// Answers that say that the moment is wrong, and those that say that the events are.
const passing = new Set([429, 500, 502, 503, 504, 507]);
const final = new Set([400, 409, 413, 422]);

const complain = (event, fault) => console.error(`event refused: ${fault}: ${event.slice(0, 200)}`);

/** Gathers events and sends them. At most `most` wait; with more the oldest go to `onRefused`, like those that Probity refuses: the
 *  event's JSON, and why. */
export class Events {
  #waiting = [];
  #untried = 0;
  #flushing;

  constructor({ url = "http://127.0.0.1:7762", source, token, batch = 500, patience = 30_000, most = 10_000, onRefused = complain } = {}) {
    Object.assign(this, { url: url.replace(/\/$/, ""), source, token, batch, patience, most, onRefused });
  }

  /** How many wait. */
  get waiting() {
    return this.#waiting.length;
  }

  /** Gathers an event. `context` may have `run` and `correlation`. */
  async tell(kind, data, { run, correlation } = {}) {
    const id = crypto.randomUUID();
    this.#waiting.push(JSON.stringify({ id, kind, time: new Date().toISOString(), source: this.source, run, correlation, data }));
    this.#letGo();
    if (++this.#untried >= this.batch) await this.flush();
  }

  /** Resolves when everything told so far is on Probity's disk or refused; rejects when it cannot be brought there, and keeps it. */
  flush() {
    this.#untried = 0;
    this.#flushing ??= this.#sendAll().finally(() => (this.#flushing = undefined));
    return this.#flushing;
  }

  async #sendAll() {
    while (this.#waiting.length) {
      const events = this.#waiting.splice(0, this.batch);
      try {
        await this.#send(events);
      } catch (error) {
        this.#waiting.unshift(...events);
        this.#letGo();
        throw error;
      }
    }
  }

  #letGo() {
    while (this.#waiting.length > this.most) this.onRefused(this.#waiting.shift(), "too many wait");
  }

  async #send(events) {
    const { status, text } = await this.#post(events.join("\n"));
    const { list, more } = status === 200 ? JSON.parse(text).refused : {};
    if (list && (events.length === 1 || !more)) {
      for (const { line, pointer, message } of list) this.onRefused(events[line - 1], `${pointer}: ${message}`);
    } else if (events.length === 1) {
      this.onRefused(events[0], text);
    } else {
      // Too much at once, one of them is at fault, or more of them than are named: the halves are tried by themselves. What was taken of
      // them already is passed over.
      const half = events.length >> 1;
      await this.#send(events.slice(0, half));
      await this.#send(events.slice(half));
    }
  }

  async #post(body) {
    const headers = { "content-type": "application/x-ndjson" };
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    const address = `${this.url}/api/v1/events?partial=true`;
    const end = Date.now() + this.patience;
    for (let pause = 100; ; pause = Math.min(pause * 2, 5_000)) {
      let fault;
      let passes = true;
      try {
        const answer = await fetch(address, { method: "POST", headers, body, signal: AbortSignal.timeout(10_000) });
        const { status } = answer;
        const text = await answer.text();
        if (status === 200 || final.has(status)) return { status, text };
        fault = text;
        // A wrong token or a wrong address is no fault of the events: they wait until that is right.
        passes = passing.has(status);
        pause = 1_000 * answer.headers.get("retry-after") || pause;
      } catch (error) {
        fault = error.message;
      }
      if (!passes || Date.now() + pause > end) throw new Error(`${this.url} did not take the events: ${fault}`);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

if (globalThis.process?.argv[1] === new URL(import.meta.url).pathname) {
  const { PROBITY_URL: url, PROBITY_TOKEN: token } = process.env;
  const events = new Events({ url, token, source: "events.mjs" });
  const run = `example-${crypto.randomUUID().slice(0, 8)}`;
  await events.tell("run.started", { name: "example" }, { run });
  await events.tell("step.thought", { step: "1", text: "the file is probably a CSV" }, { run });
  await events.tell("step.tool_call", { step: "2", parent: "1", tool: "read_file", outcome: "success", duration_ms: 12.5 }, { run });
  await events.tell("artifact.created", { artifact: "report", step: "2", name: "report.csv", media_type: "text/csv", bytes: 2048 }, { run });
  await events.tell("run.finished", { outcome: "success" }, { run });
  await events.flush();
  console.log(`${events.url}/api/v1/runs/${run}`);
}
