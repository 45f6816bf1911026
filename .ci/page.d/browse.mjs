// Drives Chromium over the status page and says what it finds. Usage: node browse.mjs ADDRESS PROBES COMPONENT PICTURES,
// with TOOLS (where the npm packages are), TOKEN (the program's) and PROBITY_PID (the program, which is stopped at the end) in the
// environment.
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [address, probes, component, pictures] = process.argv.slice(2);
const require = createRequire(join(process.env.TOOLS, 'package.json'));
const { default: puppeteer } = await import(require.resolve('puppeteer-core'));
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

// Nothing takes longer, unless it hangs.
const PATIENCE = 20000;
// What has to be quick is tried this often, and the best counts: other work on the machine must not fail it.
const ATTEMPTS = 10;
const PAINTED = 100, LIVE = 1000, TRANSFERRED = 60000;
// How long the page is watched for long tasks while it is live, in each attempt.
const WATCHED = 10000;
const LIGHT = [{ name: 'prefers-color-scheme', value: 'light' }];
const DARK = [{ name: 'prefers-color-scheme', value: 'dark' }];
const DESK = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 740, isMobile: true, hasTouch: true };

const say = (text) => console.log(`page: ${text}`);
const hold = (fact, text) => {
  if (!fact) throw new Error(text);
  say(text);
};

/// The best of a few attempts; what is good enough needs no further one.
async function best(limit, attempt) {
  const taken = [];
  while (taken.length < ATTEMPTS && !taken.some((one) => one < limit)) taken.push(await attempt(taken.length));
  return Math.min(...taken);
}

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars'],
});

/// A page that notes everything it should not do.
async function open(path, { viewport = DESK, scheme = LIGHT, script = true, stand = null } = {}) {
  const page = await browser.newPage();
  page.faults = [];
  page.on('console', (line) => line.type() === 'error' && page.faults.push(`console: ${line.text()}`));
  page.on('pageerror', (error) => page.faults.push(`script: ${error.message}`));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(address) && !url.startsWith('data:')) page.faults.push(`asked for ${url}`);
  });
  if (stand) {
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      const body = new URL(request.url()).pathname === path ? stand() : null;
      if (body) request.respond({ status: 503, contentType: 'text/html; charset=utf-8', body });
      else request.continue();
    });
  }
  page.setDefaultTimeout(PATIENCE);
  await page.setViewport(viewport);
  await page.emulateMediaFeatures(scheme);
  await page.setJavaScriptEnabled(script);
  await page.evaluateOnNewDocument(() => {
    window.longTasks = [];
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((entry) => entry.duration)))
      .observe({ type: 'longtask', buffered: true });
  });
  await page.goto(address + path, { waitUntil: 'load' });
  return page;
}

/// What axe-core objects to. It is put in by the debugger, which the page's own policy does not bind.
async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => window.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  for (const one of violations) {
    for (const node of one.nodes.slice(0, 5)) say(`  ${one.id}: ${node.target} ${node.failureSummary}`);
  }
  hold(violations.length === 0, `${what}: axe-core has no objection (${passes.length} rules hold)`);
}

const text = (page, selector) => page.$eval(selector, (at) => at.textContent);
const seen = (page, selector, words) => page.waitForFunction(
  (selector, words) => words.every((word) => document.querySelector(selector)?.textContent.includes(word)),
  { polling: 20 }, selector, words,
);

/// The browser is asked for the token, and from then on sends it by itself: all that follows depends on it.
async function admitted() {
  const page = await browser.newPage();
  // Without anybody before it the browser asks nobody, and gives up: it understood what it was asked for.
  const refused = await page.goto(address).then(() => '', (error) => error.message);
  hold(refused.includes('ERR_INVALID_AUTH_CREDENTIALS'), 'without the token the browser asks for it');
  const known = new URL(address);
  known.username = 'anybody';
  known.password = process.env.TOKEN;
  const opened = await page.goto(known.href, { waitUntil: 'load' });
  hold(opened.status() === 200, 'with the token as a password the page opens');
  await page.close();
}

async function loads() {
  let page = null;
  const painted = await best(PAINTED, async () => {
    if (page) await page.close();
    page = await open('/');
    await page.bringToFront();
    await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0, { polling: 20 });
    return page.evaluate(() => Math.round(performance.getEntriesByName('first-contentful-paint')[0].startTime));
  });
  const found = await page.evaluate(() => {
    const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    const loading = all.filter((one) => !/stream|live/.test(one.name));
    return {
      bytes: loading.reduce((sum, one) => sum + one.transferSize, 0),
      files: loading.map((one) => new URL(one.name).pathname),
    };
  });
  say(`first paint after ${painted} ms`);
  hold(found.bytes < TRANSFERRED, `${found.bytes} bytes, under ${TRANSFERRED}, are transferred: ${found.files.join(', ')}`);
  return page;
}

/// A probe that is dropped into the folder is on the page, active, within a second and without a reload, and so is one that cannot run.
async function live(page) {
  await seen(page, '#probes', ['files']);
  await page.evaluate(() => { window.untouched = true; });
  const dropped = await best(LIVE, async (attempt) => {
    const name = attempt ? `saturation-${attempt}` : 'saturation';
    const aside = join(probes, `${name}.part`);
    copyFileSync(component, aside);
    const begun = performance.now();
    renameSync(aside, join(probes, `${name}.wasm`));
    await page.waitForFunction((name) => {
      const row = [...document.querySelectorAll('#probes tbody tr')].find((at) => at.querySelector('th a')?.textContent === name);
      return row?.querySelector('.state')?.textContent.trim() === 'active';
    }, { polling: 20 }, name);
    return Math.round(performance.now() - begun);
  });
  hold(dropped < LIVE, `a probe dropped into the folder was on the page, active, after ${dropped} ms`);
  const broken = await best(LIVE, async (attempt) => {
    const name = attempt ? `broken-${attempt}` : 'broken';
    const begun = performance.now();
    writeFileSync(join(probes, `${name}.wasm`), `no component ${attempt}`);
    await page.waitForFunction((name) => [...document.querySelectorAll('#attention li')]
      .some((at) => at.querySelector('.what')?.textContent === name && at.textContent.includes('rejected')), { polling: 20 }, name);
    return Math.round(performance.now() - begun);
  });
  hold(broken < LIVE, `one that is no component was in "needs attention" after ${broken} ms`);
  await seen(page, '#attention', ['GET http://127.0.0.1:9/', 'refused']);
  hold(await page.evaluate(() => window.untouched), 'and the page was not loaded again for it');
}

/// What changed is said to who listens, once.
async function told(page) {
  await page.waitForFunction(() => {
    const [told, shown] = ['#told', '[data-v="headline"]'].map((at) => document.querySelector(at).textContent);
    return told.includes('attention') && told === shown;
  }, { polling: 20 });
  say(`a changed headline is announced: ${await text(page, '#told')}`);
}

/// Nothing that the page does while it is live holds up its reader.
async function smooth(page) {
  await page.bringToFront();
  // One made on purpose is seen.
  await page.evaluate(() => { window.longTasks.length = 0; setTimeout(() => { for (const end = performance.now() + 80; performance.now() < end;); }); });
  await page.waitForFunction(() => window.longTasks.length > 0, { polling: 20 });
  const longest = await best(50, async () => {
    await page.evaluate(() => { window.longTasks.length = 0; });
    await new Promise((done) => { setTimeout(done, WATCHED); });
    return page.evaluate(() => Math.max(0, ...window.longTasks));
  });
  hold(longest < 50, `no task over 50 ms in ${WATCHED / 1000} s of being live (the longest: ${Math.round(longest)} ms)`);
}

async function keyboard(page) {
  await page.focus('body');
  const stops = [];
  for (let index = 0; index < 12; index += 1) {
    await page.keyboard.press('Tab');
    stops.push(await page.evaluate(() => {
      const at = document.activeElement;
      const style = getComputedStyle(at);
      return { name: at.textContent.trim().slice(0, 20), shown: style.outlineStyle !== 'none' || style.boxShadow !== 'none' };
    }));
  }
  const hidden = stops.filter((stop) => !stop.shown).map((stop) => stop.name);
  hold(hidden.length === 0, `the keyboard reaches ${stops.length} places, each shown (${hidden})`);
  const button = await page.$('form[action$="saturation/reload"] button');
  await button.focus();
  await page.keyboard.press('Enter');
  await seen(page, '#outcome', ['done']);
  say(`an action by keyboard: ${(await text(page, '#outcome')).trim()}`);
  // The page may renew what an action changed at any moment, and the chart with it: it is read on where it was.
  const read = () => page.evaluate(() => {
    const at = document.querySelector('#history .plot');
    return [at.getAttribute('aria-valuetext'), at.querySelector('.tip')?.textContent];
  });
  await page.evaluate(() => document.querySelector('#history .plot').focus());
  await page.keyboard.press('ArrowLeft');
  await page.evaluate(() => {
    window.chart = document.querySelector('#history .plot');
    document.body.dataset.shape = 'another';
  });
  await page.waitForFunction(() => document.querySelector('#history .plot') !== window.chart, { polling: 20 });
  const [first, still] = await read();
  hold(first === still, `a chart that is read stays so when it is renewed: ${still}`);
  await page.keyboard.press('End');
  const [last, shown] = await read();
  hold(/ago$/.test(first) && /now$/.test(last) && shown === last, `a chart is read by keyboard: ${first}; ${last}`);
  await page.keyboard.press('Escape');
  hold(!(await page.$('.tip')), 'and what was read goes away');
}

async function withoutScript() {
  const page = await open('/', { script: false });
  const whole = await text(page, 'body');
  for (const word of ['Vitals', 'saturation', 'broken', 'rejected']) {
    if (!whole.includes(word)) throw new Error(`without its script the page lacks ${word}`);
  }
  const button = await page.$('form[action*="saturation"] button');
  hold(button, 'without its script everything is there, and actions are forms');
  await Promise.all([page.waitForNavigation(), button.click()]);
  hold(/done/.test(await text(page, '#outcome')), `and an action says what came of it: ${(await text(page, '#outcome')).trim()}`);
  hold(new URL(page.url()).pathname === '/', 'on the page where it was asked for');
  await page.close();
}

async function everyLook() {
  for (const path of ['/', '/probes/saturation', '/probes/broken', '/status']) {
    for (const [name, viewport, scheme] of [['light', DESK, LIGHT], ['dark', DESK, DARK], ['phone', PHONE, LIGHT], ['phone-dark', PHONE, DARK]]) {
      const page = await open(path, { viewport, scheme });
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > viewport.width) throw new Error(`${path} in ${name} is ${width} pixels wide`);
      const file = `${(path.slice(1) || 'overview').replaceAll('/', '-')}-${name}.png`;
      await page.screenshot({ path: join(pictures, file), fullPage: true });
      await accessible(page, `${path} in ${name}`);
      if (page.faults.length) throw new Error(`${path} in ${name}: ${page.faults.join('; ')}`);
      await page.close();
    }
  }
}

/// The page before the first snapshot, which is there too shortly to be met: its template stands in for the overview until it is let go.
async function starting() {
  const template = readFileSync(new URL('../../src/page/templates/starting.html', import.meta.url), 'utf8');
  const stand = template.replace('{{ css }}', '/page/page.css').replace('{{ js }}', '/page/page.js').replace('{{ version }}', '');
  let begun = false;
  for (const scheme of [LIGHT, DARK]) {
    begun = false;
    const page = await open('/', { scheme, stand: () => (begun ? null : stand) });
    await accessible(page, 'the page before the first snapshot');
    begun = true;
    await seen(page, '#probes', ['files']);
    say('and it gives way to the overview');
    await page.close();
  }
}

/// A page that is not there.
async function missing() {
  for (const scheme of [LIGHT, DARK]) {
    const page = await open('/probes/nobody', { scheme });
    await accessible(page, 'the page of a probe that is not there');
    await page.close();
  }
}

/// What is shown must look old when nothing new comes.
async function lost(page) {
  process.kill(Number(process.env.PROBITY_PID), 'SIGTERM');
  await page.waitForFunction(() => document.body.classList.contains('lost'), { polling: 50 });
  hold(await page.$eval('.age', (at) => at.dataset.state === 'lost'), 'a page whose program is gone says so');
  for (const [name, scheme] of [['light', LIGHT], ['dark', DARK]]) {
    await page.emulateMediaFeatures(scheme);
    await page.screenshot({ path: join(pictures, `overview-lost-${name}.png`) });
    await accessible(page, `a lost page in ${name}`);
  }
}

try {
  await admitted();
  const page = await loads();
  await live(page);
  await told(page);
  await keyboard(page);
  await smooth(page);
  await withoutScript();
  await starting();
  await missing();
  await everyLook();
  if (page.faults.length) throw new Error(page.faults.join('; '));
  await lost(page);
} catch (error) {
  console.error(`page: FAILED: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
