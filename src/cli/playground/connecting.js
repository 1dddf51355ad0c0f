import { ReconnectingClient } from '../../client/browser/index.ts';
import { byId, complain, IS_SITE, isTopics, ms, quoted, sentence, size } from './dom.js';
import { note } from './rows.js';
import { forgetUnanswered, socketUrl } from './socket.js';
import { page, showState } from './state.js';
import { followAgain } from './topics.js';

const DELAYS = { baseDelayMs: 500, maxDelayMs: 5_000, maxFirstDelayMs: 1_500 };
const ended = ({ code, reason, wasClean }) =>
  `Closed with ${code}${quoted(reason)}${wasClean ? '' : ', without a closing handshake'}`;

const offered = () =>
  isTopics()
    ? ['hawser.v1']
    : byId('protocols')
        .value.split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '');

/** Makes a new client, which ends the one before. */
export function connect() {
  const before = page.client;
  page.client = undefined;
  before?.close();
  let own;
  const attempt = () => {
    if (page.client === own) showState('connecting', 'Connecting…');
    if (page.isCut) throw new Error('this page has cut its network');
    return socketUrl();
  };
  try {
    socketUrl();
    own = new ReconnectingClient(attempt, { protocols: offered(), ...DELAYS });
  } catch (error) {
    complain(error instanceof TypeError ? 'No URL, such as ws://127.0.0.1:8080/' : error.message);
    showState('closed', 'Not connected');
    return;
  }
  page.client = own;
  complain('');
  showState('connecting', 'Connecting…');
  listen(own);
  if (isTopics()) followAgain();
}

function listen(own) {
  const on = (name, listener) =>
    own.on(name, (...values) => {
      if (page.client === own) listener(...values);
    });
  let isToldWhy = false;
  on('open', () => {
    isToldWhy = true;
  });
  // The page shows frames. Without a listener, the client would keep messages for one.
  on('message', () => undefined);
  on('down', ({ close }) => {
    forgetUnanswered();
    note(ended(close), 'bad');
  });
  on('retry', ({ delayMs, error }) => {
    page.dueAt = performance.now() + delayMs;
    showState('waiting', 'Reconnecting…');
    note(`${error === undefined ? '' : `${sentence(error.message)}. `}Next attempt in ${ms(delayMs)}`);
    if (!IS_SITE || isToldWhy || page.isCut) return;
    isToldWhy = true;
    note(`Is a server there, and does it accept pages of ${location.origin}?`, 'bad');
  });
  on('unsent', ({ bytes, why }) => note(`A message of ${size(bytes)} was not sent: ${why}`, 'bad'));
  on('error', (error) => note(error.message, 'bad'));
  on('close', ({ close, error, why }) => {
    forgetUnanswered();
    const what = close === undefined ? sentence(error?.message ?? 'not connected') : ended(close);
    if (why === 'close') note(what);
    else note(`${what}. The client makes no further attempt: ${why}`, 'bad');
    showState('closed', close === undefined ? 'Not connected' : `Closed, ${close.code}`);
  });
}
