import { connect } from './connecting.js';
import { all, byId, complain, IS_SITE, isSmall, isTopics, mode, quoted, size, sizeOf } from './dom.js';
import { atEnd, clearRows, filterRows, note, scrollToEnd, whenShown } from './rows.js';
import { BrowserSocket, socketUrl } from './socket.js';
import { page, showButtons } from './state.js';
import { showLine, showRoundTrips } from './story.js';
import { publish, showPositions, showTopics, startSecond, stopSecond, subscribe } from './topics.js';

const on = (id, event, listener) => byId(id).addEventListener(event, listener);
const onSubmit = (id, listener) =>
  on(id, 'submit', (event) => {
    event.preventDefault();
    complain('');
    listener();
  });

// Messages.

function bytesOfHex(text) {
  const digits = text.replaceAll(/0x|[\s,:]/gi, '');
  if (!/^(?:[\da-f]{2})*$/i.test(digits)) return undefined;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function send(payload) {
  if (isTopics()) publish(payload);
  else page.client.send(payload);
  if (page.state !== 'open') note(`Queued until there is a connection: ${size(sizeOf(payload))}`);
}

const cannotSend = () => {
  if (!byId('send').disabled) return false;
  complain(page.state === 'closed' ? 'Not connected' : 'Subscribe to a topic first');
  return true;
};

onSubmit('compose', () => {
  if (cannotSend()) return;
  const text = byId('text').value;
  const kind = document.querySelector('#kind input:checked').value;
  const payload = kind === 'binary' ? bytesOfHex(text) : text;
  if (payload === undefined) {
    complain('An even number of hex digits, such as 48 65 6c');
    return;
  }
  if (kind === 'json') {
    try {
      JSON.parse(text);
    } catch (error) {
      complain(`Not JSON: ${error.message}`);
      return;
    }
  }
  send(payload);
  byId('text').value = '';
});
on('text', 'keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId('compose').requestSubmit();
});
on('pick', 'click', () => byId('file').click());
on('file', 'change', async () => {
  const [file] = byId('file').files;
  if (file === undefined) return;
  const bytes = await file.arrayBuffer();
  byId('file').value = '';
  complain('');
  if (!cannotSend()) send(bytes);
});

// The connection.

on('toggle', 'click', () => {
  if (page.state === 'closed') connect();
  else page.client.close();
});
onSubmit('dial', connect);
on('speak', 'change', () => {
  page.client?.close();
  page.topics.clear();
  showTopics();
  showMode();
});
on('cut', 'click', () => {
  page.isCut = !page.isCut;
  note(
    page.isCut
      ? 'You cut the network of this page: the connection breaks off without a Close'
      : 'You restored the network of this page',
  );
  if (page.isCut && page.socket?.readyState < BrowserSocket.CLOSING) page.socket.cut();
  // The event of a browser whose network is back. The client then does not wait for its next attempt.
  if (!page.isCut) dispatchEvent(new Event('online'));
  showButtons();
});
onSubmit('offer', () => {
  if (page.state === 'open') note('Closed to connect again');
  connect();
});
onSubmit('end', () => {
  const code = Number(byId('code').value);
  const reason = byId('reason').value;
  if (code !== 1000 && !(code >= 3000 && code <= 4999)) {
    note(`A page may close with 1000 or 3000 to 4999, not with ${byId('code').value}`, 'bad');
    return;
  }
  try {
    page.client.close(code, reason);
    note(`Closing with ${code}${quoted(reason)}`);
  } catch (error) {
    note(error.message, 'bad');
  }
});

// Topics.

onSubmit('join', () => {
  const name = byId('topic').value;
  if (name === '') return;
  subscribe(name, { presence: byId('members').checked, isWhole: byId('whole').checked });
  if (isSmall()) showSide(false);
});
on('ticks', 'change', () => {
  if (byId('ticks').checked) startSecond();
  else stopSecond();
});
on('ping', 'click', () => page.socket.send('{"op":"ping"}'));

// What is shown.

function showSide(isOpen) {
  byId('side').classList.toggle('open', isOpen);
  byId('more').setAttribute('aria-expanded', String(isOpen));
}
on('more', 'click', () => showSide(!byId('side').classList.contains('open')));
on('clear', 'click', clearRows);
on('filter', 'change', filterRows);
on('find', 'input', filterRows);
on('unfold', 'change', () => {
  for (const fold of all('#log details')) fold.open = byId('unfold').checked;
});
on('latest', 'click', scrollToEnd);
on('log', 'scroll', () => {
  if (atEnd()) byId('latest').hidden = true;
});
on('copy', 'click', async () => {
  try {
    await navigator.clipboard.writeText(byId('command').textContent);
    byId('copy').textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(byId('command'));
  }
});

function showNumbers() {
  const { client, counts, openedAt } = page;
  const many = (number, bytes) => `${number.toLocaleString('en')}, ${size(bytes)}`;
  byId('out').textContent = many(counts.sent, counts.sentBytes);
  byId('in').textContent = many(counts.received, counts.receivedBytes);
  byId('made').textContent = String(counts.made);
  const waiting = client?.queuedMessages ?? 0;
  byId('buffered').textContent = many(waiting, client?.bufferedBytes ?? 0);
  const seconds = openedAt === undefined ? 0 : Math.floor((performance.now() - openedAt) / 1000);
  const minutes = Math.floor(seconds / 60);
  const age = minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`;
  byId('age').textContent = openedAt === undefined ? '–' : age;
  showRoundTrips();
}

function showMode() {
  for (const part of all('.topical')) part.hidden = !isTopics();
  for (const part of all('.plain')) part.hidden = isTopics();
  for (const part of all('.timed')) part.hidden = mode() === 'relay';
  byId('to').hidden = page.topics.size === 0;
  const flags = isTopics() ? "--topics --allow-subscribe '*' --allow-publish '*' --history '*'" : '--echo';
  byId('command').textContent = `hawser serve ${flags} --allowed-origin ${location.origin}`;
  showButtons();
}

const HINTS = {
  echo: 'The server sends every message back.',
  relay: 'The server sends every message to all other connections. Open this page in a second tab.',
  topics: 'Subscribe to a topic. Then cut the network, and see what a client gets when it returns.',
};

whenShown(() => {
  showPositions();
  showNumbers();
});
setInterval(() => {
  if (page.state === 'waiting') {
    const leftMs = page.dueAt - performance.now();
    byId('status-text').textContent =
      leftMs > 0 ? `Reconnecting in ${(leftMs / 1000).toFixed(1)} s` : 'Reconnecting…';
  }
  showLine();
  showNumbers();
}, 250);

if (!isSmall()) byId('text').placeholder = 'Message; Enter sends, Shift+Enter breaks the line';
showMode();
if (IS_SITE) {
  byId('dial').hidden = false;
  byId('guide').hidden = false;
  byId('url').hidden = true;
} else {
  document.title = `Hawser ${mode()}`;
  byId('title').textContent = document.title;
  byId('url').textContent = socketUrl().href;
  byId('hint').textContent = HINTS[mode()];
  if (isTopics() && isSmall()) showSide(true);
  connect();
}
