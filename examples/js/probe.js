// A probe in JavaScript: watches a small text file that holds one queue a line, `NAME DEPTH WAITED_SECONDS`.
//
//   probity build examples/js
//
// Everything that it may ask and answer is described in .probity/wit, which the build writes; its interfaces are modules
// here. A call that fails throws an error whose `payload` is the failure; a failure that is thrown ends the run with it, and
// anything else that is thrown ends it as a trap.
import config from 'probity:host/config@0.1.0';
import { Failure } from 'probity:host/failure@0.1.0';
import log from 'probity:host/log@0.1.0';
import state from 'probity:host/state@0.1.0';
import { Check } from 'probity:health/health@0.1.0';
import { Counter, Gauge, Histogram } from 'probity:metrics/metrics@0.1.0';
import preopens from 'wasi:filesystem/preopens@0.2.12';

const MISBEHAVIOURS = ['', 'trap', 'spin', 'fail', 'flood'];

/** What the configuration says, and what is defined once: both stay as they are while this instance lives. */
let probe;

export const collector = {
  /** Reads the configuration and defines everything: in `collect` it would be defined again in each run. */
  start() {
    probe = {
      ...configuration(),
      depth: Gauge.define('queue_depth', '', 'Entries that wait.', ['queue']),
      highest: Gauge.define('queue_depth_highest', '', 'Most entries that ever waited.', ['queue']),
      polls: Counter.define('queue_polls_total', '', 'Times the queues were read.', []),
      wait: Histogram.define('queue_wait_seconds', 'seconds', 'How long entries waited.', [], [0.1, 1, 10, 60]),
      backlog: Check.define('backlog', 'Queues are short'),
    };
    log.log('info', `watching ${probe.file}`);
  },

  collect() {
    const queues = readText(probe.file).split('\n').flatMap(parse);
    for (const { name, depth, waited } of queues) {
      probe.depth.set([name], depth);
      probe.wait.observe([], waited);
      probe.highest.set([name], highest(name, depth));
    }
    probe.polls.add([], 1);
    report(queues);
    misbehave(probe.misbehave);
  },
};

function configuration() {
  // A value that is not there is null or undefined, by the engine.
  const file = config.get('file') ?? '';
  if (file === '') throw Failure.badConfig('`file` must be given: an absolute path');
  if (!file.startsWith('/')) throw Failure.badConfig(`\`file\` must be an absolute path, not "${file}"`);
  const text = config.get('warn') ?? '100';
  const warn = Number(text);
  if (!(warn > 0) || text.trim() === '') throw Failure.badConfig(`\`warn\` must be a number above 0, not "${text}"`);
  const misbehave = config.get('misbehave') ?? '';
  if (!MISBEHAVIOURS.includes(misbehave)) {
    throw Failure.badConfig(`\`misbehave\` must be trap, spin, fail or flood, not "${misbehave}"`);
  }
  return { file, warn, misbehave };
}

/** The queue of one line, or none. */
function parse(line, index) {
  const words = line.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0 || words[0].startsWith('#')) return [];
  const [name, depth, waited] = words;
  if (words.length !== 3 || !/^\d+$/.test(depth) || !(Number(waited) >= 0)) {
    const expected = 'expected NAME DEPTH WAITED_SECONDS, such as mail 12 3.5';
    throw Failure.unavailable(`${probe.file}, line ${index + 1}: ${expected}`);
  }
  return [{ name, depth: Number(depth), waited: Number(waited) }];
}

/** The highest depth that a queue ever had, which outlives traps, reloads and restarts. */
function highest(name, depth) {
  const key = `highest/${name}`;
  const kept = state.getText(key) ?? '';
  if (kept !== '' && Number(kept) >= depth) return Number(kept);
  state.putText(key, String(depth));
  return depth;
}

function report(queues) {
  if (queues.length === 0) return probe.backlog.report('pass', 'no queues');
  const longest = queues.reduce((one, other) => (other.depth > one.depth ? other : one));
  if (longest.depth >= probe.warn) {
    return probe.backlog.report('warn', `${longest.name} has ${longest.depth}: warns from ${probe.warn}`);
  }
  const count = queues.length === 1 ? '1 queue' : `${queues.length} queues`;
  probe.backlog.report('pass', `${count}, the longest is ${longest.name} with ${longest.depth}`);
}

/** Does wrong on purpose what the configuration asks for: what the conformance suite needs, and no other probe. */
function misbehave(how) {
  if (how === 'trap') throw new Error('asked to trap');
  while (how === 'spin');
  if (how === 'fail') throw Failure.other('asked to fail');
  if (how === 'flood') for (let line = 0; line < 20; line++) log.log('info', 'flooding');
}

/** The text of a file. */
function readText(path) {
  const [folder, way] = granted(path) ?? [];
  if (!folder) throw denied(path);
  try {
    const file = folder.openAt({ symlinkFollow: true }, way, {}, { read: true });
    const all = [];
    // One read gives 64 KiB at most; behind the end there is nothing.
    for (let offset = 0; ; offset = all.length) {
      const [bytes] = file.read(1 << 16, offset);
      if (bytes.length === 0) return decode(all);
      for (const byte of bytes) all.push(byte);
    }
  } catch (error) {
    if (error.payload === 'access' || error.payload === 'not-permitted') throw denied(path);
    throw Failure.unavailable(`${path}: ${error.payload ?? error}`);
  }
}

/**
 * The folder that leads closest to a path, with the way from there: each granted folder, and the folder of each granted file,
 * is open under its path.
 */
function granted(path) {
  const below = (place) => `${path}/`.startsWith(place.replace(/\/*$/, '/'));
  const [folder, place] = preopens.getDirectories().filter(([, place]) => below(place))
    .reduce((one, other) => (other[1].length > one[1].length ? other : one), [null, '']);
  return folder && [folder, path.slice(place.length).replace(/^\/+/, '') || '.'];
}

/** The text of bytes in UTF-8: QuickJS has no TextDecoder. */
function decode(bytes) {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return decodeURIComponent(escape(text));
}

function denied(path) {
  return Failure.denied(`${path} is not granted: add grant = { read = ["${path}"] }`);
}
