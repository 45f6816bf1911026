// Keeps the page live: values change in place, a changed structure is fetched again. Without this script everything is
// there all the same, as it was when the page was loaded.
(() => {
  'use strict';
  const body = document.body;
  const live = body.dataset.live;
  document.documentElement.classList.add('js');

  // What is marked in the page, by kind and key.
  const KINDS = [
    ['values', 'v', (at, text) => { if (at.textContent !== text) at.textContent = text; }],
    ['states', 's', (at, text) => { if (at.dataset.state !== text) at.dataset.state = text; }],
    ['paths', 'd', (at, text) => { if (at.getAttribute('d') !== text) at.setAttribute('d', text); }],
    ['titles', 't', (at, text) => { if (at.title !== text) at.title = text; }],
  ];
  let marked = {};
  const collect = () => {
    for (const [kind, mark] of KINDS) {
      marked[kind] = new Map();
      for (const at of document.querySelectorAll(`[data-${mark}]`)) marked[kind].set(at.dataset[mark], at);
    }
  };

  // The age of what is shown, counted on between two frames.
  let shownAt = performance.now();
  let ageThen = 0;
  let publishedThen = 0;
  const seconds = (ms) => ms < 9950 ? `${(ms / 1000).toFixed(1)}\u202fs`
    : ms < 120000 ? `${Math.round(ms / 1000)}\u202fs` : `${Math.round(ms / 60000)}\u202fmin`;
  const OLD = 4000, LOST = 10000;
  const tick = () => {
    const since = performance.now() - shownAt;
    const published = publishedThen + since;
    // Older than the snapshot: a source is late, while the rest is as it should be.
    const late = ageThen > publishedThen;
    const state = published >= LOST ? 'lost' : published >= OLD || late ? 'old' : 'fresh';
    const stamp = marked.states.get('age.s');
    if (stamp) KINDS[1][2](stamp, state);
    const text = marked.values.get('age');
    if (text) KINDS[0][2](text, seconds(ageThen + since));
    body.classList.toggle('lost', state === 'lost');
  };

  const apply = (frame) => {
    shownAt = performance.now();
    ageThen = frame.age_ms;
    publishedThen = frame.published_ms;
    // The keys are of another structure: nothing of it may be put into this one.
    if (frame.shape !== body.dataset.shape) return void renew();
    for (const [kind, , put] of KINDS) {
      const known = marked[kind];
      for (const [key, text] of Object.entries(frame[kind])) {
        if (key === 'age' || key === 'age.s') continue;
        const at = known.get(key);
        if (at) put(at, text);
      }
    }
    tick();
    tell();
  };

  // Fetches the page and takes over the sections that differ. Focus, scroll and what was unfolded stay.
  let renewing = false;
  const renew = async () => {
    if (renewing) return;
    renewing = true;
    try {
      const answer = await fetch(location.pathname, { headers: { accept: 'text/html' } });
      if (answer.status !== 200 && answer.status !== 404) return;
      if ('starting' in body.dataset) return void location.reload();
      const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const had = place(document.activeElement);
      const read = document.activeElement?.getAttribute('aria-valuenow');
      const shown = tip !== null && tip.parentNode === document.activeElement;
      const open = new Set([...document.querySelectorAll('details[open]')].map((at) => at.id));
      swap(next);
      for (const at of document.querySelectorAll('details')) if (open.has(at.id)) at.open = true;
      document.title = next.title;
      body.dataset.shape = next.body.dataset.shape || '';
      collect();
      reachable();
      if (live) {
        tick();
        tell();
      }
      const again = had.map((one) => document.querySelector(one)).find((at) => at !== null);
      if (again && again !== document.activeElement) {
        // Who reads a chart goes on where they were, and what was put away stays away.
        if (read) put(again, Number(read));
        again.focus({ preventScroll: true });
        if (read && !shown) hide();
      }
    } catch { /* The next frame tries again. */ } finally { renewing = false; }
  };
  const swap = (next) => {
    const main = document.getElementById('main');
    const fresh = next.getElementById('main');
    const children = (of) => [...of.children].filter((at) => at.id !== 'outcome');
    const [now, then] = [children(main), children(fresh)];
    const same = now.length === then.length && now.every((at, index) => at.id === then[index].id);
    if (!same) {
      for (const at of now) at.remove();
      main.append(...then);
    } else {
      now.forEach((at, index) => { if (!at.isEqualNode(then[index])) at.replaceWith(then[index]); });
    }
  };
  // Selectors that find an element again, or the one that took its place: a paused probe has another button.
  const place = (at) => {
    if (!at || at === body) return [];
    const act = at.dataset.act;
    if (act) return [`[data-act="${CSS.escape(act)}"]`, `[data-act^="${CSS.escape(act.split('/')[0])}/"]`];
    if (at.id) return [`#${CSS.escape(at.id)}`];
    if (at.matches('.plot')) return [`#${CSS.escape(at.closest('.chart').id)} .plot`];
    const section = at.closest('section[id]');
    const link = at.getAttribute('href');
    return section && link ? [`#${CSS.escape(section.id)} [href="${CSS.escape(link)}"]`] : [];
  };

  // Frames are asked for: they come compressed, and one is encoded for all who look. The stream tells when there is something
  // to ask for: at once when a state changed, else once a second. Without a stream a clock does. A hidden tab gives its
  // connection back, for a browser has only six for all tabs, and asks now and then.
  const SECOND = 1000, SOON = 100, SELDOM = 10000;
  let tag = '';
  let timer = 0;
  let due = Infinity;
  let asked = 0;
  let asking = false;
  const ask = async () => {
    due = Infinity;
    if (asking) return wait(SOON);
    asking = true;
    asked = performance.now();
    try {
      const answer = await fetch(live, tag ? { headers: { 'if-none-match': tag } } : {});
      if (answer.status === 200) {
        tag = answer.headers.get('etag') || '';
        apply(await answer.json());
      } else if (answer.status === 404) {
        renew();
      }
    } catch { /* The age says it. */ } finally { asking = false; }
    if (!told()) wait(document.hidden ? SELDOM : SECOND);
  };
  // Asks after so long at the latest.
  const wait = (time) => {
    const then = performance.now() + time;
    if (then >= due) return;
    due = then;
    clearTimeout(timer);
    timer = setTimeout(ask, time);
  };
  let stream = null;
  const told = () => stream !== null && stream.readyState === EventSource.OPEN;
  const listen = () => {
    if (stream) stream.close();
    stream = null;
    if (document.hidden) return;
    stream = new EventSource('/api/v1/stream?topics=snapshot,probes,health,operations&parts=sequence');
    stream.addEventListener('snapshot', () => wait(Math.max(asked + SECOND - performance.now(), 0)));
    for (const change of ['probe', 'health', 'operation']) stream.addEventListener(change, () => wait(SOON));
    // It comes back by itself, unless it was refused; the clock goes on meanwhile.
    stream.addEventListener('error', () => wait(SECOND));
  };
  document.addEventListener('visibilitychange', () => { listen(); wait(0); });
  addEventListener('pagehide', () => { if (stream) stream.close(); });

  // Actions without leaving the page.
  const say = (ok, message) => {
    const line = document.createElement('p');
    line.className = 'outcome';
    line.dataset.state = ok ? 'pass' : 'fail';
    const state = document.createElement('span');
    state.className = 'state';
    state.dataset.state = line.dataset.state;
    state.append(document.createElement('i'), ok ? 'done' : 'not done');
    line.append(state, ` ${message}`);
    document.getElementById('outcome').replaceChildren(line);
  };
  document.addEventListener('submit', async (event) => {
    const button = event.target.querySelector('[data-act]');
    if (!button) return;
    event.preventDefault();
    if (button.getAttribute('aria-busy') === 'true') return;
    button.setAttribute('aria-busy', 'true');
    const [probe, action] = button.dataset.act.split('/');
    const name = decodeURIComponent(probe);
    try {
      const answer = await fetch(`/api/v1/probes/${probe}/${action}`, { method: 'POST' });
      const told = await answer.json();
      say(answer.ok, `${name}, ${action}: ${answer.ok ? told.outcome : told.detail}`);
    } catch (error) {
      say(false, `${name}, ${action}: ${error.message}`);
    } finally {
      button.removeAttribute('aria-busy');
      if (live) wait(SOON);
    }
  });

  // What a chart's lines were at a place, under the pointer or by the arrow keys: read off the lines, in the unit of the axis.
  const POINTS = 120, HEIGHT = 60;
  const heights = (path) => {
    const found = new Map();
    let [x, y] = [0, 0];
    for (const [, letter, numbers] of path.matchAll(/([Mlh])([^Mlh]*)/g)) {
      const [first, second] = numbers.trim().split(/\s+/).map(Number);
      if (letter === 'M') [x, y] = [first, second];
      else if (letter === 'l') [x, y] = [x + first, y + second];
      found.set(x / 2, y);
    }
    return found;
  };
  const words = (plot, at) => {
    const [, most, unit] = /^([\d.]+)(.*)$/s.exec(plot.querySelector('.y').textContent) || [];
    const names = plot.closest('.chart').querySelectorAll('.legend .name');
    const lines = [...plot.querySelectorAll('.line')].map((line, index) => {
      const height = heights(line.getAttribute('d')).get(at);
      const value = height === undefined ? '\u2013' : `${Number((most * (HEIGHT - height) / HEIGHT).toPrecision(2))}${unit}`;
      return `${names[index].textContent} ${value}`;
    });
    const ago = Math.round(plot.dataset.seconds * (POINTS - at) / POINTS);
    const when = ago === 0 ? 'now' : ago < 120 ? `${ago}\u202fs ago` : `${Math.round(ago / 60)}\u202fmin ago`;
    return `${lines.join(' \u00b7 ')} \u00b7 ${when}`;
  };
  let tip = null;
  const hide = () => { if (tip) tip.remove(); };
  const show = (plot, at) => {
    if (!tip) {
      tip = document.createElement('p');
      tip.className = 'tip num';
    }
    tip.textContent = words(plot, at);
    if (tip.parentNode !== plot) plot.append(tip);
    const [share, width] = [at / POINTS, plot.clientWidth];
    const left = Math.min(Math.max(share * width - tip.offsetWidth / 2, 0), Math.max(width - tip.offsetWidth, 0));
    tip.style.setProperty('--left', `${left}px`);
    tip.style.setProperty('--line', `${share * width - left}px`);
  };
  const plotOf = (event) => event.target.closest ? event.target.closest('.plot') : null;
  document.addEventListener('pointermove', (event) => {
    const plot = plotOf(event);
    if (!plot) return hide();
    const box = plot.getBoundingClientRect();
    show(plot, Math.round(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * POINTS));
  }, { passive: true });
  // By keyboard a chart is a slider along its time: it begins at now.
  const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -POINTS, End: POINTS };
  const put = (plot, at) => {
    plot.setAttribute('aria-valuenow', at);
    plot.setAttribute('aria-valuetext', words(plot, at));
  };
  const along = (plot, steps) => {
    const at = Math.min(Math.max(Number(plot.getAttribute('aria-valuenow')) + steps, 0), POINTS);
    put(plot, at);
    show(plot, at);
  };
  const reachable = () => {
    for (const plot of document.querySelectorAll('.plot:not([role])')) {
      const facts = { role: 'slider', tabindex: 0, 'aria-label': plot.querySelector('svg').getAttribute('aria-label'), 'aria-valuemin': 0, 'aria-valuemax': POINTS, 'aria-valuenow': POINTS, 'aria-valuetext': words(plot, POINTS) };
      for (const [name, value] of Object.entries(facts)) plot.setAttribute(name, value);
    }
  };
  document.addEventListener('keydown', (event) => {
    const plot = plotOf(event);
    if (!plot || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === 'Escape') return hide();
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    along(plot, STEPS[event.key]);
  });
  document.addEventListener('focusin', (event) => { const plot = plotOf(event); if (plot && plot.matches(':focus-visible')) along(plot, 0); });
  document.addEventListener('focusout', hide);

  // A headline that changed is said once, and one that flutters no more often than every few seconds.
  const QUIET = 5000;
  const headline = () => document.querySelector('[data-v="headline"], [data-v="p.w"]')?.textContent || '';
  let said = headline();
  let saying = 0;
  const tell = () => {
    if (saying || headline() === said) return;
    saying = setTimeout(() => {
      saying = 0;
      if (headline() === said) return;
      said = headline();
      document.getElementById('told').textContent = said;
    }, QUIET);
  };

  reachable();
  collect();
  const again = Number(body.dataset.again) * 1000;
  if (again) setInterval(() => { if (!document.hidden) renew(); }, again);
  if (!live) return;
  setInterval(tick, 500);
  listen();
  ask();
})();
