import { byId, isTopics } from './dom.js';
import { began } from './story.js';

/** What the page knows of its one client. */
export const page = {
  /** The `ReconnectingClient`; `undefined` before the first one. */
  client: undefined,
  /** The socket of the newest attempt. */
  socket: undefined,
  isCut: false,
  /** `connecting`, `open`, `waiting` or `closed`. */
  state: 'closed',
  /** When the next attempt begins, on the clock of `performance`. */
  dueAt: 0,
  openedAt: undefined,
  counts: { sent: 0, sentBytes: 0, received: 0, receivedBytes: 0, made: 0 },
  /** Open topics by name. */
  topics: new Map(),
};

export function showState(state, text) {
  page.state = state;
  began(state);
  byId('status').dataset.state = state;
  byId('status-text').textContent = text;
  showButtons();
}

export function showButtons() {
  const { state, isCut, topics } = page;
  const isOpen = state === 'open';
  const isClosed = state === 'closed';
  const cannotSend = isClosed || (isTopics() && topics.size === 0);
  byId('toggle').textContent = isClosed ? 'Connect' : 'Disconnect';
  byId('send').textContent = isTopics() ? 'Publish' : 'Send';
  byId('send').disabled = cannotSend;
  byId('pick').disabled = cannotSend;
  byId('ping').disabled = !isOpen;
  byId('cut').disabled = isClosed && !isCut;
  byId('cut').textContent = isCut ? 'Restore the network' : 'Cut the network';
  byId('cut').setAttribute('aria-pressed', String(isCut));
  for (const control of byId('join').elements) control.disabled = isClosed;
  for (const control of byId('end').elements) control.disabled = !isOpen;
}
