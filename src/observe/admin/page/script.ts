/**
 * The script of the admin page. It computes rates from two snapshots, and puts everything that comes from the server into the page
 * as text, never as markup. Without template literals, because it is one itself.
 */
export const SCRIPT = String.raw`
'use strict';
const byId = (id) => document.getElementById(id);
const PROTOCOL = 'hawser.admin.v1', SECONDS = 60, SVG = 'http://www.w3.org/2000/svg';
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

const stored = (key) => { try { return sessionStorage.getItem(key); } catch { return null; } };
const store = (key, value) => { try { sessionStorage.setItem(key, value); } catch { /* private windows may refuse */ } };

let token = stored('hawser-admin-token') ?? '';
let socket, failures = 0, retryTimer, deafTimer, paused = false, last, latest, noticeTimer;
let view = { sort: 'buffered', filter: '' };
const rows = new Map();
const history60 = { messages: [[], []], bytes: [[], []], handshakes: [[], []] };

/* The token may be in the fragment of the URL, which is never sent to a server. It does not stay there. */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given === null) return false;
  token = given;
  store('hawser-admin-token', token);
  history.replaceState(null, '', location.pathname + location.search);
  return true;
}

/* ---- the connection ---- */

const base64url = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const authorized = () => (token === '' ? {} : { authorization: 'Bearer ' + token });

function connect() {
  clearTimeout(retryTimer);
  if (socket !== undefined) return;
  showStatus('warn', failures === 0 ? 'Connecting…' : 'Reconnecting…');
  const url = new URL('live', location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  const own = new WebSocket(url, token === '' ? [PROTOCOL] : [PROTOCOL, 'hawser.bearer.' + base64url(token)]);
  let opened = false;
  socket = own;
  listenFor(10000);
  own.onopen = () => { opened = true; own.send(JSON.stringify(view)); };
  own.onmessage = ({ data }) => { listenFor(10000); failures = 0; received(JSON.parse(data)); };
  own.onclose = () => { if (socket === own) void lost(opened); };
}

/* A socket that says nothing for so long is dead, even if the browser was not told. */
function listenFor(ms) {
  clearTimeout(deafTimer);
  const own = socket;
  deafTimer = setTimeout(() => { own.onclose = null; own.close(); if (socket === own) void lost(true); }, ms);
}

async function lost(opened) {
  clearTimeout(deafTimer);
  socket = undefined;
  last = undefined;
  byId('main').classList.add('old');
  if (!opened && (await isRefused())) return;
  const delay = Math.min(10000, 500 * 2 ** failures) * (0.5 + Math.random());
  failures++;
  const until = Date.now() + delay;
  const tick = () => {
    const left = until - Date.now();
    if (left <= 0) { connect(); return; }
    showStatus('bad', 'Reconnecting in ' + Math.ceil(left / 1000) + ' s');
    retryTimer = setTimeout(tick, Math.min(left, 250));
  };
  tick();
}

/* A browser does not tell why a WebSocket failed, but it tells for a request. */
async function isRefused() {
  try {
    const response = await fetch(new URL('stats', location.href), { headers: authorized() });
    if (response.status === 401) {
      showStatus('bad', 'Token needed');
      if (token !== '') notify('This token is wrong.');
      if (!byId('ask-token').open) byId('ask-token').showModal();
      return true;
    }
    if (response.status === 403) { showStatus('bad', 'Refused'); notify(await response.text()); return true; }
  } catch { /* the server is gone: try again */ }
  return false;
}

function ask(changes) {
  view = { ...view, ...changes };
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(view));
}

/* ---- words and numbers ---- */

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) { value /= 1024; at++; }
  return (value >= 100 || at === 0 ? whole : tenth).format(value) + ' ' + units[at];
}
function duration(ms) {
  const s = Math.floor(ms / 1000), parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const at = parts.findIndex(([seconds]) => s >= seconds);
  if (at < 0) return '0 s';
  const [size, unit] = parts[at];
  const rest = parts[at + 1];
  const small = rest === undefined ? 0 : Math.floor((s % size) / rest[0]);
  return Math.floor(s / size) + ' ' + unit + (small > 0 ? ' ' + small + ' ' + rest[1] : '');
}
const milliseconds = (ms) => (ms >= 10000 ? tenth.format(ms / 1000) + ' s' : ms >= 100 ? whole.format(ms) + ' ms' : ms >= 0.095 || ms === 0 ? tenth.format(ms) + ' ms' : whole.format(ms * 1000) + ' µs');
const rate = (value) => (value >= 10000 ? compact : value >= 10 || value === 0 ? whole : tenth).format(value);
const percent = (ratio) => (ratio < 0.1 && ratio > 0 ? tenth : whole).format(ratio * 100) + ' %';

/* ---- drawing ---- */

function put(element, text) { if (element.textContent !== text) element.textContent = text; }
function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}
function bar(fill, ratio) {
  fill.style.width = Math.min(100, ratio * 100) + '%';
  fill.className = ratio >= 0.9 ? 'bad' : ratio >= 0.75 ? 'warn' : '';
}

function tile(id, text, note, ratio) {
  const card = byId(id);
  put(card.querySelector('.value'), text);
  put(card.querySelector('.of'), note);
  const meter = card.querySelector('.bar');
  meter.setAttribute('aria-valuenow', String(Math.round(Math.min(1, ratio) * 100)));
  bar(meter.firstElementChild, ratio);
}
const limited = (id, { now, limit }, format) => tile(id, format(now), 'of ' + format(limit) + ' · ' + percent(now / limit), now / limit);

function chart(id, values, format) {
  const card = byId(id), all = history60[id];
  const figures = card.querySelectorAll('.value'), lines = card.querySelectorAll('g');
  values.forEach((value, i) => { all[i].push(value); if (all[i].length > SECONDS + 1) all[i].shift(); put(figures[i], format(value)); });
  const peak = Math.max(...all[0], ...all[1]), top = Math.max(peak, 1e-9);
  put(card.querySelector('small'), peak > 0 ? 'peak ' + format(peak) : '');
  all.forEach((series, i) => {
    const points = series.map((value, at) => (SECONDS - series.length + 1 + at) + ',' + (39.5 - (value / top) * 37).toFixed(2));
    const [area, line] = lines[i].children;
    line.setAttribute('points', points.join(' '));
    area.setAttribute('points', points.length < 2 ? '' : (SECONDS - series.length + 1) + ',40 ' + points.join(' ') + ' 60,40');
  });
}

function percentiles(id, figures) {
  const [p50, p99] = byId(id).querySelectorAll('td');
  put(p50, figures === null ? '–' : milliseconds(figures.p50Ms));
  put(p99, figures === null ? '–' : milliseconds(figures.p99Ms));
  byId(id).title = figures === null ? 'no measurement' : whole.format(figures.count) + ' measurements';
}

function counts(id, minute, total) {
  const body = byId(id).tBodies[0];
  const names = Object.keys(total).sort((a, b) => (minute[b] ?? 0) - (minute[a] ?? 0) || total[b] - total[a]);
  fill(body, names.map((name) => [name, whole.format(minute[name] ?? 0), whole.format(total[name])]));
}
/* Shows a small table; the head of an empty one is hidden, and a sentence takes its place. */
function fill(body, lines) {
  while (body.rows.length > lines.length) body.lastElementChild.remove();
  lines.forEach((cells, at) => {
    const row = body.rows[at] ?? body.insertRow();
    cells.forEach((text, i) => {
      const cell = row.cells[i] ?? row.insertCell();
      put(cell, text);
      cell.className = text === '0' ? 'zero' : '';
    });
  });
  body.parentElement.hidden = lines.length === 0;
  body.parentElement.nextElementSibling.hidden = lines.length > 0;
}

/* ---- the table of connections ---- */

function newRow(id) {
  const row = document.createElement('tr');
  const first = row.insertCell();
  const name = make('span', 'id', id.slice(0, 8));
  name.title = id;
  first.append(name, make('span', 'chip protocol'), make('span', 'chip closing'), make('div', 'who'));
  const cells = {};
  for (const { dataset, className } of byId('table').tHead.rows[0].cells) {
    if (dataset.sort === undefined) continue;
    const cell = row.insertCell();
    cell.className = className;
    cells[dataset.sort] = cell.appendChild(make('span'));
    if (dataset.sort === 'buffered') { cells.bar = cell.appendChild(make('div', 'bar')).appendChild(make('i')); }
  }
  const last = row.insertCell();
  last.className = 'acting';
  const acts = last.appendChild(make('div', 'acts'));
  const capture = acts.appendChild(make('button', 'button', 'Capture'));
  capture.type = 'button';
  capture.onclick = () => void captureConnection(id);
  const close = acts.appendChild(make('button', 'button danger', 'Close'));
  close.type = 'button';
  close.onclick = () => void closeConnection(id);
  return { row, first, cells, acting: last };
}

function showTable({ matching, rows: shown }, { actions, maxBufferedBytes, highWaterMarkBytes }) {
  const body = byId('table').tBodies[0], seen = new Set();
  shown.forEach((one, at) => {
    seen.add(one.id);
    let entry = rows.get(one.id);
    if (entry === undefined) { entry = newRow(one.id); rows.set(one.id, entry); }
    const { row, first, cells, acting } = entry;
    put(first.querySelector('.who'), one.remoteAddress === '' ? 'Unix socket' : address(one.remoteAddress, one.remotePort));
    label(first.querySelector('.protocol'), one.protocol);
    label(first.querySelector('.closing'), one.state === 'open' ? '' : one.state);
    put(cells.age, duration(one.ageMs));
    put(cells.in, rate(one.receivedPerSecond));
    put(cells.out, rate(one.sentPerSecond));
    put(cells.buffered, bytes(one.bufferedBytes));
    put(cells.rtt, one.rttMs === null ? '–' : milliseconds(one.rttMs));
    put(cells.topics, whole.format(one.topics));
    put(cells.dropped, whole.format(one.droppedMessages));
    cells.in.parentElement.title = whole.format(one.messagesReceived) + ' messages, ' + bytes(one.bytesReceived);
    cells.out.parentElement.title = whole.format(one.messagesSent) + ' messages, ' + bytes(one.bytesSent);
    for (const name of ['in', 'out', 'buffered', 'topics', 'dropped']) cells[name].parentElement.classList.toggle('zero', /^0( B)?$/.test(cells[name].textContent));
    cells.bar.parentElement.hidden = one.bufferedBytes === 0;
    bar(cells.bar, one.bufferedBytes / maxBufferedBytes);
    if (one.bufferedBytes > highWaterMarkBytes && cells.bar.className === '') cells.bar.className = 'warn';
    acting.hidden = !actions;
    if (body.rows[at] !== row) body.insertBefore(row, body.rows[at] ?? null);
  });
  for (const [id, { row }] of rows) if (!seen.has(id)) { row.remove(); rows.delete(id); }
  byId('table').hidden = shown.length === 0;
  byId('none').hidden = shown.length > 0;
  put(byId('none'), view.filter === '' ? 'No connections.' : 'No connection matches.');
  put(byId('shown'), shown.length === matching ? whole.format(matching) : whole.format(shown.length) + ' of ' + whole.format(matching));
  byId('table').querySelector('thead .acting').hidden = !actions;
}
const address = (host, port) => (host.includes(':') ? '[' + host + ']' : host) + (port > 0 ? ':' + port : '');
function label(element, text) { put(element, text); element.hidden = text === ''; }

function showEvents(events) {
  const newest = byId('events').firstElementChild;
  const known = newest === null ? 0 : Number(newest.dataset.number);
  /* Another process has answered: its events begin anew. */
  const anew = events.length > 0 && events[events.length - 1].number < known;
  if (anew) byId('events').replaceChildren();
  for (const event of events) {
    if (!anew && event.number <= known) continue;
    const item = make('li', event.severity);
    item.dataset.number = String(event.number);
    const time = make('time', '', clockTime.format(event.atMs));
    time.dateTime = new Date(event.atMs).toISOString();
    const who = [event.remoteAddress, event.connectionId?.slice(0, 8)].filter(Boolean).join(' · ');
    item.append(time, make('span', 'kind', event.kind.replace('-', ' ')), make('span', 'text', event.text), make('span', 'who', who));
    byId('events').prepend(item);
  }
  while (byId('events').children.length > 100) byId('events').lastElementChild.remove();
  byId('quiet').hidden = byId('events').children.length > 0;
}

/* ---- a snapshot ---- */

function received(snapshot) {
  latest = snapshot;
  if (snapshot.stats.uptimeMs < (last?.stats.uptimeMs ?? 0)) last = undefined;
  if (!paused) show(snapshot);
  last = snapshot;
}

function show(snapshot) {
  const { server, readiness, stats, gauges, latency, lastMinute } = snapshot;
  byId('main').classList.remove('old');
  showStatus(paused ? 'warn' : 'good', paused ? 'Paused' : 'Live');
  const name = server.name ?? server.host;
  put(byId('name'), name);
  document.title = (readiness.ready ? '' : '(not ready) ') + name + ' · Hawser';
  put(byId('ready'), readiness.ready ? 'Ready' : 'Not ready: ' + readiness.reasons.join(', ').replace(/-/g, ' '));
  byId('ready').dataset.level = readiness.ready ? 'good' : 'bad';
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

  if (last !== undefined && snapshot.takenAtMs > last.takenAtMs) {
    const seconds = (snapshot.takenAtMs - last.takenAtMs) / 1000;
    const per = (read) => Math.max(0, read(stats) - read(last.stats)) / seconds;
    chart('messages', [per((s) => s.messages.received), per((s) => s.messages.sent)], (value) => rate(value) + '/s');
    chart('bytes', [per((s) => s.bytes.received), per((s) => s.bytes.sent)], (value) => bytes(value) + '/s');
    chart('handshakes', [per((s) => s.handshakes.accepted), per((s) => s.handshakes.refused)], (value) => rate(value) + '/s');
  }
  percentiles('handler', latency.handler);
  percentiles('rtt', latency.rtt);
  put(byId('over'), latency.overMs > 0 ? 'last ' + duration(latency.overMs) : '');

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
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { byId('notice').hidden = true; }, 6000);
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
  paused = !paused;
  byId('pause').setAttribute('aria-pressed', String(paused));
  put(byId('pause'), paused ? 'Resume' : 'Pause');
  if (latest !== undefined && socket !== undefined) { showStatus(paused ? 'warn' : 'good', paused ? 'Paused' : 'Live'); if (!paused) { last = undefined; show(latest); } }
};
for (const head of byId('table').querySelectorAll('th[data-sort]')) {
  head.firstElementChild.onclick = () => { ask({ sort: head.dataset.sort }); showSort(); };
}
function showSort() {
  for (const head of byId('table').querySelectorAll('th[data-sort]')) {
    if (head.dataset.sort === view.sort) head.setAttribute('aria-sort', 'descending'); else head.removeAttribute('aria-sort');
  }
}
let filterTimer;
byId('filter').oninput = () => {
  clearTimeout(filterTimer);
  filterTimer = setTimeout(() => ask({ filter: byId('filter').value.trim() }), 200);
};
byId('ask-token').onclose = () => {
  token = byId('token').value.trim();
  byId('token').value = '';
  store('hawser-admin-token', token);
  failures = 0;
  connect();
};
addEventListener('hashchange', () => {
  if (!takeToken()) return;
  if (byId('ask-token').open) { byId('token').value = token; byId('ask-token').close(); } else connect();
});
addEventListener('online', connect);
document.addEventListener('visibilitychange', () => { if (!document.hidden) connect(); });

takeToken();
showSort();
connect();
`;
