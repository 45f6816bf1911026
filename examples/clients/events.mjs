// Tells a Probity what a program does. Needs Node.js 18, Deno, Bun or a browser, and nothing else.
//
//   node examples/clients/events.mjs            tells a small run to http://127.0.0.1:7762
//
// Events are gathered and sent in batches. Each has an id of its own before it is sent for the first time, so a batch that is sent
// again after a lost answer is never stored twice.

const passing = new Set([429, 500, 502, 503, 504, 507]);

export class Events {
  #waiting = [];

  constructor({ url = "http://127.0.0.1:7762", source, token, batch = 500, patience = 30_000 } = {}) {
    Object.assign(this, { url: url.replace(/\/$/, ""), source, token, batch, patience });
  }

  /** Gathers an event. `context` may have `run` and `correlation`. */
  async tell(kind, data, { run, correlation } = {}) {
    const id = crypto.randomUUID();
    this.#waiting.push({ id, kind, time: new Date().toISOString(), source: this.source, run, correlation, data });
    if (this.#waiting.length >= this.batch) await this.flush();
  }

  /** Resolves when everything told so far is on Probity's disk; rejects when it cannot be brought there. */
  async flush() {
    const events = this.#waiting;
    if (!events.length) return;
    this.#waiting = [];
    try {
      await this.#send(events.map((event) => JSON.stringify(event)).join("\n"));
    } catch (error) {
      this.#waiting = events.concat(this.#waiting);
      throw error;
    }
  }

  async #send(body) {
    const headers = { "content-type": "application/x-ndjson" };
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    const end = Date.now() + this.patience;
    for (let pause = 100; ; pause = Math.min(pause * 2, 5_000)) {
      let fault;
      try {
        const answer = await fetch(`${this.url}/api/v1/events`, { method: "POST", headers, body, signal: AbortSignal.timeout(10_000) });
        if (answer.ok) return answer.json();
        fault = await answer.text();
        // Its own fault is told with the place of each mistake; that of the moment passes.
        if (!passing.has(answer.status)) throw Object.assign(new Error(fault), { final: true });
        pause = 1_000 * answer.headers.get("retry-after") || pause;
      } catch (error) {
        if (error.final) throw error;
        fault = error.message;
      }
      if (Date.now() + pause > end) throw new Error(`${this.url} did not take the events: ${fault}`);
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
