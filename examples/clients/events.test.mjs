// What the client does where events are refused. Run it with `node --test examples/clients/events.test.mjs`.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { Events } from "./events.mjs";

/** Takes at most four events at once, refuses those that say `bad` by themselves, of which it names `named`, and whole bodies with one that says
 *  `worse`. */
async function probity({ named = 9 } = {}) {
  const state = { down: false, taken: [], refused: [] };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const lines = body.split("\n");
    const answer = (status, said) => response.writeHead(status).end(JSON.stringify(said));
    if (state.down) return answer(401, {});
    if (lines.length > 4) return answer(413, {});
    if (lines.some((line) => line.includes('"worse"'))) return answer(422, {});
    const list = lines.flatMap((line, place) => (line.includes('"bad"') ? [{ line: place + 1, pointer: "/data", message: "m" }] : []));
    state.taken.push(...lines.filter((line) => !line.includes('"bad"')).map((line) => JSON.parse(line).data.n));
    answer(200, { refused: { list: list.slice(0, named), more: list.slice(named).length } });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  state.url = `http://127.0.0.1:${server.address().port}`;
  state.end = () => (server.closeAllConnections(), server.close());
  state.events = (settings) =>
    new Events({ url: state.url, patience: 0, onRefused: (event) => state.refused.push(JSON.parse(event).data.n), ...settings });
  return state;
}

const byNumber = (numbers) => [...numbers].sort((one, other) => one - other);

test("what is refused holds up no other", async () => {
  const state = await probity();
  const events = state.events({ batch: 10 });
  const word = { 3: "bad", 12: "worse" };
  for (let n = 0; n < 20; n++) await events.tell("k", { n, word: word[n] ?? "good" });
  await events.flush();
  assert.deepEqual(byNumber(state.refused), [3, 12]);
  assert.equal(state.taken.length, 18);
  assert.equal(events.waiting, 0);
  state.end();
});

test("what is refused and not named is asked for", async () => {
  const state = await probity({ named: 1 });
  const events = state.events({ batch: 4 });
  for (let n = 0; n < 4; n++) await events.tell("k", { n, word: n === 1 ? "good" : "bad" });
  await events.flush();
  assert.deepEqual(byNumber(state.refused), [0, 2, 3]);
  assert.deepEqual([...new Set(state.taken)], [1]);
  state.end();
});

test("what waits is bounded, and sent when that can be", async () => {
  const state = await probity();
  const events = state.events({ batch: 2, most: 6 });
  state.down = true;
  let rejected = 0;
  for (let n = 0; n < 10; n++) await events.tell("k", { n }).catch(() => rejected++);
  assert.deepEqual([events.waiting, state.refused, rejected], [6, [0, 1, 2, 3], 5]);
  state.down = false;
  await events.flush();
  assert.deepEqual(state.taken, [4, 5, 6, 7, 8, 9]);
  state.end();
});

test("what is no JSON is told at once", async () => {
  const state = await probity();
  const events = state.events();
  await assert.rejects(events.tell("k", { n: 1n }));
  assert.equal(events.waiting, 0);
  state.end();
});
