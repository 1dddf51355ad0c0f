import { byId, IS_SITE, meta, mode, sizeOf } from './dom.js';
import { note, push } from './rows.js';
import { frameOf } from './shown.js';
import { page, showState } from './state.js';
import { measured } from './story.js';

/** The class of the browser, for the second client. The first one uses the class below, so that the page sees its frames. */
export const BrowserSocket = globalThis.WebSocket;

globalThis.WebSocket = class extends BrowserSocket {
  #isLeft = false;

  constructor(url, protocols) {
    super(url, protocols);
    page.socket = this;
    // Before the listener of the client, which sends its first frames in it.
    this.addEventListener('open', () => {
      if (!this.#isLeft) opened(this);
    });
    this.addEventListener('message', ({ data }) => {
      if (!this.#isLeft) framed('received', data);
    });
  }

  send(data) {
    super.send(data);
    framed('sent', data);
  }

  /** Ends the connection for the client as a broken network does: without a Close. */
  cut() {
    this.#isLeft = true;
    this.dispatchEvent(new CloseEvent('close', { code: 1006 }));
    this.close();
  }
};

/** @throws TypeError if the user wrote no URL. */
export function socketUrl() {
  if (IS_SITE) return new URL(byId('address').value.trim());
  const url = new URL(meta('hawser-socket-path'), location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  return url;
}

/** When messages to an echo, pings, and operations of hawser.v1 were sent that have no answer yet. */
const echoes = [];
const pings = [];
const asked = new Map();

/** After the end of a connection no answer comes. */
export function forgetUnanswered() {
  page.openedAt = undefined;
  echoes.length = 0;
  pings.length = 0;
  asked.clear();
}

function opened({ protocol, extensions }) {
  page.openedAt = performance.now();
  page.counts.made++;
  byId('protocol').textContent = protocol || 'none';
  byId('extensions').textContent = extensions || 'none';
  byId('extensions').classList.toggle('none', extensions === '');
  const speaks = protocol === '' ? '' : `, subprotocol ${protocol}`;
  note(`Connected${speaks}${extensions === '' ? '' : `, ${extensions}`}`, 'good');
  showState('open', 'Connected');
}

function framed(kind, data) {
  const bytes = sizeOf(data);
  const nowMs = performance.now();
  page.counts[kind]++;
  page.counts[`${kind}Bytes`] += bytes;
  const took = roundTrip(kind, data, nowMs);
  if (took !== undefined) measured(took);
  push({ kind, data, bytes, took });
}

/** Time since the question, if this frame is its answer. */
function roundTrip(kind, data, nowMs) {
  const isSent = kind === 'sent';
  const since = (sentMs) => (sentMs === undefined ? undefined : nowMs - sentMs);
  if (mode() === 'echo') {
    if (isSent) echoes.push(nowMs);
    return isSent ? undefined : since(echoes.shift());
  }
  if (mode() !== 'topics' || typeof data !== 'string' || data.startsWith('{"op":"message"')) return undefined;
  const { op, id } = frameOf(data) ?? {};
  if (isSent) {
    if (op === 'ping') pings.push(nowMs);
    else if (id !== undefined && op !== 'reply') asked.set(id, nowMs);
    return undefined;
  }
  if (op === 'pong') return since(pings.shift());
  const sentMs = asked.get(id);
  asked.delete(id);
  return since(sentMs);
}
