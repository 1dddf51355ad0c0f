/** The part of the page's script that formats values, and draws tiles, charts and tables. See `SCRIPT`. */
export const DRAWING = String.raw`/* ---- words and numbers ---- */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

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

/* The level of load control; nothing on a server without it. */
function showLoad(load) {
  const state = byId('load');
  label(state, load === undefined ? '' : 'Load ' + load.level);
  if (load === undefined) return;
  state.dataset.level = { normal: 'good', elevated: 'warn', critical: 'bad' }[load.level];
  state.title = 'Of the critical threshold: ' + Object.entries(load.pressure).map(([signal, ratio]) => signal + ' ' + percent(ratio)).join(', ');
}

/* ---- the table of servers ---- */

const stateOf = (load) => (load === null ? ['No answer', 'bad'] : load.ready ? ['Ready', 'good'] : [capital(load.reasons.join(', ').replaceAll('-', ' ')) || 'Not ready', 'warn']);
const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);
function newNode(body) {
  const row = body.insertRow();
  row.insertCell().append(make('b'), make('span', 'chip'), make('div', 'who'));
  for (let i = 0; i < 6; i++) row.insertCell();
  row.cells[6].className = 'late';
  return row;
}
function showCluster({ nodeId, state, nodes, totals }) {
  const isShown = state !== 'alone' && nodes !== null;
  byId('cluster').hidden = !isShown;
  if (!isShown) return;
  byId('engine').hidden = state !== 'down';
  put(byId('answered'), totals.answered === totals.nodes ? whole.format(totals.nodes) : whole.format(totals.answered) + ' of ' + whole.format(totals.nodes) + ' answered');
  const body = byId('nodes').tBodies[0];
  while (body.rows.length > nodes.length) body.lastElementChild.remove();
  nodes.forEach(({ id, name, host, pid, load, worker }, at) => {
    const row = body.rows[at] ?? newNode(body);
    const [title, chip, who] = row.cells[0].children;
    title.className = name === null ? 'id' : '';
    put(title, name ?? id.slice(0, 8));
    title.title = id;
    label(chip, id === nodeId ? 'this server' : '');
    put(who, worker !== null ? workerText(worker, pid) : host === '' ? '' : host + ' · pid ' + pid);
    const [word, level] = worker !== null && worker.state !== 'up' ? [capital(worker.state), 'bad'] : stateOf(load);
    row.cells[1].className = 'level ' + level;
    fillLoad(row, [word, ...loadCells(load), load === null ? '–' : duration(load.uptimeMs)]);
  });
  fillLoad(byId('nodes').tFoot.rows[0], ['', ...loadCells(totals), '']);
}
/** What the primary knows of a worker, and what its event loop does. */
const workerText = ({ restarts, loopUtilization, loopDelayMs }, pid) =>
  [
    ...(pid === 0 ? [] : ['pid ' + pid]),
    ...(loopUtilization === null ? [] : ['loop ' + percent(loopUtilization)]),
    ...(loopDelayMs === null ? [] : ['delay p99 ' + milliseconds(loopDelayMs.p99)]),
    whole.format(restarts) + (restarts === 1 ? ' restart' : ' restarts'),
  ].join(' · ');
const loadCells = (load) => (load === null ? ['–', '–', '–', '–'] : [whole.format(load.connections), rate(load.receivedPerSecond), rate(load.sentPerSecond), bytes(load.bytesBuffered)]);
function fillLoad(row, texts) {
  texts.forEach((text, at) => {
    const cell = row.cells[at + 1];
    put(cell, text);
    if (at > 0) cell.classList.toggle('zero', /^(0( B)?|–)$/.test(text));
  });
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
  const acting = row.insertCell();
  acting.className = 'acting';
  const acts = acting.appendChild(make('div', 'acts'));
  const capture = acts.appendChild(make('button', 'button', 'Capture'));
  capture.type = 'button';
  capture.onclick = () => void captureConnection(id);
  const close = acts.appendChild(make('button', 'button danger', 'Close'));
  close.type = 'button';
  close.onclick = () => void closeConnection(id);
  return { row, first, cells, acting };
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
  put(byId('none'), panel.view.filter === '' ? 'No connections.' : 'No connection matches.');
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
`;
