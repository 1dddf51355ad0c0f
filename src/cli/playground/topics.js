import { byId, complain, count, element } from './dom.js';
import { note, showSoon } from './rows.js';
import { frameOf } from './shown.js';
import { BrowserSocket, socketUrl } from './socket.js';
import { page, showButtons } from './state.js';
import { happened } from './story.js';

/** The whole history, if there is no position: no epoch has this name. */
const BEGINNING = { epoch: 'none', offset: 0 };
const positionText = (position) =>
  position === undefined ? 'no position: this topic has no history' : `${position.epoch}:${position.offset}`;

export function subscribe(name, { presence, isWhole }) {
  if (page.topics.has(name)) complain(`Already subscribed to ${name}`);
  else follow(name, { presence, since: isWhole ? BEGINNING : undefined });
}

/** Topics of an earlier client continue after their last message. */
export function followAgain() {
  for (const [name, { topic, presence }] of page.topics) follow(name, { presence, since: topic.position });
}

function follow(name, { presence, since }) {
  const { client, topics } = page;
  let topic;
  try {
    topic = client.topic(name, since === undefined ? { presence } : { presence, since });
  } catch (error) {
    complain(error.message);
    return;
  }
  const entry = { topic, presence, delivered: topics.get(name)?.delivered ?? 0, line: undefined };
  topics.set(name, entry);
  const on = (event, listener) =>
    topic.on(event, (...values) => {
      if (page.client !== client) return;
      listener(...values);
      showSoon();
    });
  on('message', () => {
    entry.delivered++;
  });
  on('recovered', ({ position, missed }) => {
    const words =
      missed === 0 ? 'nothing was missed' : count(missed, 'missed message follows', 'missed messages follow');
    happened('recovered', `${name}: ${words}`);
    note(`${name}: recovered at ${positionText(position)}; ${words}`, 'good');
  });
  on('lost', ({ position }) => {
    if (since === BEGINNING && entry.delivered === 0) {
      note(`${name}: all stored messages follow, after ${positionText(position)}`, 'good');
      return;
    }
    happened('lost', `${name}: lost`);
    note(
      `${name}: lost. Messages are missing for good; others follow after ${positionText(position)}`,
      'bad',
    );
  });
  on('join', ({ key }) => note(`${name}: ${key} came`));
  on('leave', (key) => note(`${name}: ${key} left`));
  on('error', (error) => {
    note(`${name}: ${why(error, 'subscribe')}`, 'bad');
    if (topic.state === 'closed') topics.delete(name);
    showTopics();
  });
  topic.subscribed().then(
    (position) => {
      if (since === undefined) note(`${name}: subscribed at ${positionText(position)}`, 'good');
    },
    () => undefined, // `error` tells it
  );
  showTopics();
}

const why = ({ code, message }, verb) =>
  `${code}: ${message}${code === 'forbidden' ? ` (the flag of hawser serve is --allow-${verb})` : ''}`;

export function publish(payload) {
  const name = byId('to').value;
  page.topics
    .get(name)
    ?.topic.publish(payload)
    .catch((error) => {
      const unknown = error.outcome === 'unknown' ? '; it may have been published' : '';
      note(`${name}: ${why(error, 'publish')}${unknown}`, 'bad');
    });
}

export function showTopics() {
  const { topics } = page;
  const chosen = byId('to').value;
  byId('topics').replaceChildren(...[...topics].map(([name, entry]) => topicItem(name, entry)));
  byId('to').replaceChildren(...[...topics.keys()].map((name) => new Option(name, name)));
  if (topics.has(chosen)) byId('to').value = chosen;
  byId('to').hidden = topics.size === 0;
  byId('ticks').disabled = topics.size === 0;
  if (topics.size === 0) stopSecond();
  showButtons();
  showSoon();
}

function topicItem(name, entry) {
  const item = element('li', '', '');
  const title = element('b', '', name);
  title.title = name;
  entry.line = element('small', '', '');
  const end = element('button', '', '✕');
  end.type = 'button';
  end.setAttribute('aria-label', `Unsubscribe from ${name}`);
  end.addEventListener('click', () => {
    entry.topic.close();
    page.topics.delete(name);
    showTopics();
    byId('topic').focus();
  });
  item.append(title, end, entry.line);
  return item;
}

export function showPositions() {
  for (const { topic, line, delivered } of page.topics.values()) {
    if (line === undefined) continue;
    const at = topic.position === undefined ? '' : ` at ${positionText(topic.position)}`;
    line.textContent = `${topic.state}${at} · ${count(delivered, 'message', 'messages')}`;
  }
}

/** A second client with a connection of its own, which the network of the first one does not touch. It speaks hawser.v1 by hand. */
let second;

export function startSecond() {
  const topic = byId('to').value;
  const socket = new BrowserSocket(socketUrl(), ['hawser.v1']);
  const own = { socket, timer: undefined, number: 0 };
  second = own;
  const stopped = (reason) => {
    if (second !== own) return;
    stopSecond();
    note(`The second client stopped: ${reason}`, 'bad');
  };
  socket.addEventListener('open', () => {
    if (second !== own) return;
    note(`The second client publishes to ${topic} every second`);
    own.timer = setInterval(() => {
      const id = ++own.number;
      socket.send(JSON.stringify({ op: 'publish', id, topic, data: `tick ${id}` }));
    }, 1_000);
  });
  socket.addEventListener('message', ({ data }) => {
    const frame = frameOf(data);
    if (frame?.op === 'error') stopped(why(frame, 'publish'));
  });
  socket.addEventListener('close', ({ code }) => stopped(`its connection ended with ${code}`));
}

export function stopSecond() {
  clearInterval(second?.timer);
  second?.socket.close();
  second = undefined;
  byId('ticks').checked = false;
}
