import { byId, element, ms, size } from './dom.js';
import { isMessage, MAX_CHARACTERS, shown } from './shown.js';

/** Rows of the list, and the bytes that they hold. The oldest rows are dropped beyond that. */
const MAX_ROWS = 500;
const MAX_KEPT_BYTES = 33_554_432;
const log = byId('log');

let entries = [];
let keptBytes = 0;
let dropped = 0;
let total = 0;
let isDue = false;
let afterShowing = () => {};

/** @param callback Called after each picture with new rows. */
export function whenShown(callback) {
  afterShowing = callback;
}

/** Adds a frame. Its row is made for the next picture; a frame that is dropped before costs nothing. */
export function push(entry) {
  entry.at = new Date();
  entries.push(entry);
  total++;
  keptBytes += entry.bytes ?? 0;
  while (entries.length > MAX_ROWS || (keptBytes > MAX_KEPT_BYTES && entries.length > 1)) {
    const oldest = entries.shift();
    keptBytes -= oldest.bytes ?? 0;
    oldest.item?.remove();
    dropped++;
  }
  showSoon();
}

/** @param mood `good`, `bad`, or nothing. */
export function note(text, mood = '') {
  push({ kind: 'note', text, mood });
}

export function showSoon() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(showAll);
}

function showAll() {
  isDue = false;
  const stick = atEnd();
  const fresh = entries.filter(({ item }) => item === undefined);
  for (const entry of fresh) makeRow(entry);
  log.append(...fresh.map(({ item }) => item));
  byId('empty').hidden = entries.length > 0;
  if (fresh.length > 0 && stick) scrollToEnd();
  else if (fresh.length > 0) byId('latest').hidden = false;
  showCount();
  afterShowing();
}

function showCount() {
  const filtered = entries.filter(({ item }) => item?.hidden).length;
  const parts = [`${total.toLocaleString('en')} ${total === 1 ? 'row' : 'rows'}`];
  if (dropped > 0) parts.push(`oldest ${dropped.toLocaleString('en')} dropped`);
  if (filtered > 0) parts.push(`${filtered} filtered`);
  byId('count').textContent = total === 0 ? '' : parts.join(', ');
}

const pad = (value, digits = 2) => String(value).padStart(digits, '0');

function makeRow(entry) {
  const { kind, at, text, mood, data, bytes, took } = entry;
  const clock = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  const time = element('time', '', `${clock}.${pad(at.getMilliseconds(), 3)}`);
  time.dateTime = at.toISOString();
  const item = element('li', kind === 'note' ? `note ${mood}` : kind, '');
  entry.item = item;
  if (kind === 'note') {
    const mark = element('span', 'mark', mood === 'bad' ? '!' : '·');
    item.append(time, mark, element('span', 'type', ''), element('span', 'body', text));
  } else {
    const view = shown(data);
    const body = element('div', 'body', '');
    body.append(view.more === undefined ? lineOf(view, 'line') : foldOf(view));
    const mark = element('span', 'mark', kind === 'sent' ? '↑' : '↓');
    mark.title = kind;
    const right = `${size(bytes)}${took === undefined ? '' : ` · ${ms(took)}`}`;
    item.append(time, mark, element('span', 'type', view.type), body, element('span', 'size', right));
  }
  item.hidden = !isWanted(entry);
}

function lineOf({ about, line }, className) {
  const whole = element('span', className, '');
  if (about !== undefined) whole.append(element('span', 'about', about));
  whole.append(element('span', 'said', line));
  return whole;
}

function foldOf(view) {
  const fold = element('details', '', '');
  const summary = element('summary', '', '');
  summary.append(lineOf(view, ''));
  fold.append(summary);
  const unfold = () => {
    if (!fold.open || fold.children.length > 1) return;
    fold.append(element('pre', view.isDump ? 'dump' : '', view.more));
    if (view.raw !== undefined) fold.append(element('h3', '', 'The frame'), element('pre', 'raw', view.raw));
  };
  fold.addEventListener('toggle', unfold);
  fold.open = byId('unfold').checked;
  unfold();
  return fold;
}

function isWanted({ kind, text, data }) {
  const which = document.querySelector('#filter input:checked').value;
  if (which === 'messages' && (kind === 'note' || !isMessage(data))) return false;
  if (which === 'events' && kind !== 'note') return false;
  const wanted = byId('find').value.toLowerCase();
  const searched = text ?? (typeof data === 'string' ? data.slice(0, MAX_CHARACTERS) : '');
  return wanted === '' || searched.toLowerCase().includes(wanted);
}

export function filterRows() {
  for (const entry of entries) if (entry.item !== undefined) entry.item.hidden = !isWanted(entry);
  scrollToEnd();
  showCount();
}

export function clearRows() {
  entries = [];
  keptBytes = 0;
  dropped = 0;
  total = 0;
  log.replaceChildren();
  byId('latest').hidden = true;
  showSoon();
}

export const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 60;
export function scrollToEnd() {
  log.scrollTop = log.scrollHeight;
  byId('latest').hidden = true;
}
