import { DRAWING } from './drawing-script.ts';

/**
 * The script of the admin page. It computes rates from two snapshots, and puts everything that comes from the server into the page
 * as text, never as markup. Without template literals, because it is one itself.
 */
export const SCRIPT = String.raw`
'use strict';
const byId = (id) => document.getElementById(id);
const PROTOCOL = 'hawser.admin.v1', SECONDS = 60, SVG = 'http://www.w3.org/2000/svg';
const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

const stored = (key) => { try { return sessionStorage.getItem(key); } catch { return null; } };
const store = (key, value) => { try { sessionStorage.setItem(key, value); } catch { /* private windows may refuse */ } };

/* The connection to the server. */
const feed = { token: stored('hawser-admin-token') ?? '', socket: undefined, failures: 0, retryTimer: undefined, deafTimer: undefined };
/* What is shown: the two newest snapshots, unless the page is paused. */
const panel = { view: { sort: 'buffered', filter: '' }, paused: false, last: undefined, latest: undefined, noticeTimer: undefined, filterTimer: undefined };
const rows = new Map();
const history60 = { messages: [[], []], bytes: [[], []], handshakes: [[], []] };

/* The token may be in the fragment of the URL, which is never sent to a server. It does not stay there. */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given === null) return false;
  feed.token = given;
  store('hawser-admin-token', feed.token);
  history.replaceState(null, '', location.pathname + location.search);
  return true;
}

/* ---- the connection ---- */

const base64url = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const authorized = () => (feed.token === '' ? {} : { authorization: 'Bearer ' + feed.token });

function connect() {
  clearTimeout(feed.retryTimer);
  if (feed.socket !== undefined) return;
  showStatus('warn', feed.failures === 0 ? 'Connecting…' : 'Reconnecting…');
  const url = new URL('live', location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  const own = new WebSocket(url, feed.token === '' ? [PROTOCOL] : [PROTOCOL, 'hawser.bearer.' + base64url(feed.token)]);
  let opened = false;
  feed.socket = own;
  listenFor(10000);
  own.onopen = () => { opened = true; own.send(JSON.stringify(panel.view)); };
  own.onmessage = ({ data }) => { listenFor(10000); feed.failures = 0; received(JSON.parse(data)); };
  own.onclose = () => { if (feed.socket === own) void lost(opened); };
}

/* A socket that says nothing for so long is dead, even if the browser was not told. */
function listenFor(ms) {
  clearTimeout(feed.deafTimer);
  const own = feed.socket;
  feed.deafTimer = setTimeout(() => { own.onclose = null; own.close(); if (feed.socket === own) void lost(true); }, ms);
}

async function lost(opened) {
  clearTimeout(feed.deafTimer);
  feed.socket = undefined;
  panel.last = undefined;
  byId('main').classList.add('old');
  if (!opened && (await isRefused())) return;
  const delay = Math.min(10000, 500 * 2 ** feed.failures) * (0.5 + Math.random());
  feed.failures++;
  const until = Date.now() + delay;
  const tick = () => {
    const left = until - Date.now();
    if (left <= 0) { connect(); return; }
    showStatus('bad', 'Reconnecting in ' + Math.ceil(left / 1000) + ' s');
    feed.retryTimer = setTimeout(tick, Math.min(left, 250));
  };
  tick();
}

/* A browser does not tell why a WebSocket failed, but it tells for a request. */
async function isRefused() {
  try {
    const response = await fetch(new URL('stats', location.href), { headers: authorized() });
    if (response.status === 401) {
      showStatus('bad', 'Token needed');
      if (feed.token !== '') notify('This token is wrong.');
      if (!byId('ask-token').open) byId('ask-token').showModal();
      return true;
    }
    if (response.status === 403) { showStatus('bad', 'Refused'); notify(await response.text()); return true; }
  } catch { /* the server is gone: try again */ }
  return false;
}

function ask(changes) {
  panel.view = { ...panel.view, ...changes };
  if (feed.socket?.readyState === WebSocket.OPEN) feed.socket.send(JSON.stringify(panel.view));
}

${DRAWING}
/* ---- a snapshot ---- */

function received(snapshot) {
  panel.latest = snapshot;
  if (snapshot.stats.uptimeMs < (panel.last?.stats.uptimeMs ?? 0)) panel.last = undefined;
  if (!panel.paused) show(snapshot);
  panel.last = snapshot;
}

function show(snapshot) {
  const { server, readiness, stats, gauges, latency, lastMinute } = snapshot;
  byId('main').classList.remove('old');
  showStatus(panel.paused ? 'warn' : 'good', panel.paused ? 'Paused' : 'Live');
  const name = server.name ?? server.host;
  put(byId('name'), name);
  document.title = (readiness.ready ? '' : '(not ready) ') + name + ' · Hawser';
  put(byId('ready'), readiness.ready ? 'Ready' : 'Not ready: ' + readiness.reasons.join(', ').replace(/-/g, ' '));
  byId('ready').dataset.level = readiness.ready ? 'good' : 'bad';
  showLoad(stats.load);
  const facts = [['up', duration(stats.uptimeMs)], ['Hawser', server.version], ['Node', server.nodeVersion.replace(/^v/, '')], ['pid', String(server.pid)]];
  byId('facts').replaceChildren(...facts.map(([key, value]) => { const fact = make('span', '', key + ' '); fact.append(make('b', '', value)); return fact; }));
  byId('drain').hidden = !server.actions;
  byId('drain').disabled = readiness.reasons.includes('shutting-down');

  limited('connections', gauges.connections, (value) => whole.format(value));
  limited('buffered', gauges.bufferedBytes, bytes);
  limited('heap', gauges.heapBytes, bytes);
  limited('rss', gauges.rssBytes, bytes);
  const busy = gauges.loopUtilization, delay = gauges.loopDelayMs;
  tile('loop', busy === null ? '–' : percent(busy), 'of the last second', busy ?? 0);
  tile('delay', delay === null ? '–' : milliseconds(delay.p99), delay === null ? ' ' : 'max ' + milliseconds(delay.max), delay === null ? 0 : delay.p99 / 100);

  if (panel.last !== undefined && snapshot.takenAtMs > panel.last.takenAtMs) {
    const seconds = (snapshot.takenAtMs - panel.last.takenAtMs) / 1000;
    const per = (read) => Math.max(0, read(stats) - read(panel.last.stats)) / seconds;
    chart('messages', [per((s) => s.messages.received), per((s) => s.messages.sent)], (value) => rate(value) + '/s');
    chart('bytes', [per((s) => s.bytes.received), per((s) => s.bytes.sent)], (value) => bytes(value) + '/s');
    chart('handshakes', [per((s) => s.handshakes.accepted), per((s) => s.handshakes.refused)], (value) => rate(value) + '/s');
  }
  percentiles('handler', latency.handler);
  percentiles('rtt', latency.rtt);
  put(byId('over'), latency.overMs > 0 ? 'last ' + duration(latency.overMs) : '');

  showCluster(snapshot.cluster);
  showTable(snapshot.connections, server);
  counts('closes', lastMinute.closesByCause, stats.closes.byCause);
  counts('refusals', lastMinute.refusedByCode, stats.handshakes.refusedByCode);
  fill(byId('topics').tBodies[0], snapshot.topics.map(({ name: topic, subscribers }) => [topic, whole.format(subscribers)]));
  showEvents(snapshot.events);
}

function showStatus(level, text) { put(byId('status'), text); byId('status').dataset.level = level; }
function notify(text) {
  byId('notice').textContent = text;
  byId('notice').hidden = false;
  clearTimeout(panel.noticeTimer);
  panel.noticeTimer = setTimeout(() => { byId('notice').hidden = true; }, 6000);
}

/* ---- actions ---- */

const asked = (dialog) => new Promise((resolve) => {
  dialog.returnValue = 'no';
  dialog.onclose = () => resolve(dialog.returnValue === 'yes');
  dialog.showModal();
});

async function post(path, done) {
  try {
    const response = await fetch(new URL(path, location.href), { method: 'POST', headers: authorized() });
    const text = response.ok ? done : (await response.text()).trim();
    if (text !== undefined) notify(text);
    return response.ok ? response : undefined;
  } catch { notify('The server did not answer.'); return undefined; }
}

async function closeConnection(id) {
  const dialog = byId('ask-close');
  dialog.querySelector('p').textContent = id;
  if (!(await asked(dialog))) return;
  const query = new URLSearchParams({ code: byId('code').value });
  if (byId('reason').value !== '') query.set('reason', byId('reason').value);
  await post('connections/' + encodeURIComponent(id) + '/close?' + query, 'The connection closes.');
}

async function captureConnection(id) {
  const dialog = byId('ask-capture');
  dialog.querySelector('p').textContent = id;
  if (!(await asked(dialog))) return;
  const seconds = byId('seconds').value, format = byId('format').value;
  const payloadBytes = format === 'pcapng' || byId('payloads').checked ? 'all' : '0';
  notify('Capturing for ' + seconds + ' s. The file follows.');
  const response = await post('connections/' + encodeURIComponent(id) + '/capture?' + new URLSearchParams({ seconds, format, payloadBytes }));
  if (response === undefined) return;
  try {
    const link = make('a');
    link.href = URL.createObjectURL(await response.blob());
    link.download = id.slice(0, 8) + '.' + format;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } catch { notify('The capture was cut off.'); }
}

byId('drain').onclick = async () => {
  if (await asked(byId('ask-drain'))) await post('drain', 'The server drains.');
};

/* ---- what a person does ---- */

byId('pause').onclick = () => {
  panel.paused = !panel.paused;
  byId('pause').setAttribute('aria-pressed', String(panel.paused));
  put(byId('pause'), panel.paused ? 'Resume' : 'Pause');
  if (panel.latest !== undefined && feed.socket !== undefined) { showStatus(panel.paused ? 'warn' : 'good', panel.paused ? 'Paused' : 'Live'); if (!panel.paused) { panel.last = undefined; show(panel.latest); } }
};
for (const head of byId('table').querySelectorAll('th[data-sort]')) {
  head.firstElementChild.onclick = () => { ask({ sort: head.dataset.sort }); showSort(); };
}
function showSort() {
  for (const head of byId('table').querySelectorAll('th[data-sort]')) {
    if (head.dataset.sort === panel.view.sort) head.setAttribute('aria-sort', 'descending'); else head.removeAttribute('aria-sort');
  }
}
byId('filter').oninput = () => {
  clearTimeout(panel.filterTimer);
  panel.filterTimer = setTimeout(() => ask({ filter: byId('filter').value.trim() }), 200);
};
byId('ask-token').onclose = () => {
  feed.token = byId('token').value.trim();
  byId('token').value = '';
  store('hawser-admin-token', feed.token);
  feed.failures = 0;
  connect();
};
addEventListener('hashchange', () => {
  if (!takeToken()) return;
  if (byId('ask-token').open) { byId('token').value = feed.token; byId('ask-token').close(); } else connect();
});
addEventListener('online', connect);
document.addEventListener('visibilitychange', () => { if (!document.hidden) connect(); });

takeToken();
showSort();
connect();
`;
