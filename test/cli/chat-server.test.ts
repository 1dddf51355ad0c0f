import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ENTER, isRoomTopic, MAX_ROOM, MAX_TEXT, roomTopic, SAY } from '../../src/cli/chat/chat-requests.ts';
import { chatServer, HISTORY } from '../../src/cli/chat/chat-server.ts';
import { Names } from '../../src/cli/chat/names.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { cutClients, type Frame, type V1Client, v1Client } from './v1-client.ts';

const BEGINNING = { epoch: 'none', offset: 0 };

async function chat(t: TestContext) {
  const server = chatServer({}, () => new Response('the page'));
  t.after(() => {
    cutClients();
    return server.shutdown();
  });
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  const connect = (): Promise<V1Client> => v1Client({ port });
  const request = async ({ ask }: V1Client, name: string, value: object): Promise<Frame> => {
    const { op, data, ...rest } = await ask('request', { name, data: JSON.stringify(value) });
    return op === 'reply' ? (JSON.parse(String(data)) as Frame) : { op, ...rest };
  };
  /** A user in a room, without `join` and `leave`. */
  const enter = async (session: string, name: string, room = 'lobby') => {
    const client = await connect();
    const { key } = await request(client, 'enter', { name, session });
    assert.match(String(key), /^[\w-]{16}$/);
    const { op, missed } = await client.ask('subscribe', { topic: `room:${room}`, since: BEGINNING });
    assert.equal(op, 'ok');
    const history: Frame[] = [];
    for (let i = 0; i < Number(missed); i++) history.push(saidIn(await client.next()));
    return { ...client, key: String(key), history };
  };
  const nameOf = async ({ ask }: V1Client, topic: string, key: string): Promise<string | undefined> => {
    const { members } = await ask('presence', { topic });
    const list = members as readonly { key: string; info: { name: string } }[];
    return list.find((member) => member.key === key)?.info.name;
  };
  return { server, connect, request, enter, nameOf };
}

const saidIn = ({ data }: Frame): Frame => JSON.parse(String(data)) as Frame;
/** The reply and the message of one's own `say`, in any order. */
async function sayAndHear({ send, next }: V1Client, value: object): Promise<{ reply: Frame; said: Frame }> {
  send({ op: 'request', id: 'say', name: 'say', data: JSON.stringify(value) });
  const frames = [await next(), await next()];
  const reply = frames.find(({ op }) => op === 'reply') ?? assert.fail(JSON.stringify(frames));
  const message = frames.find(({ op }) => op === 'message') ?? assert.fail(JSON.stringify(frames));
  return { reply, said: saidIn(message) };
}

test('CM-04: a message reaches everyone in the room with key and name of its user, and is in the history', async (t) => {
  const { enter } = await chat(t);
  const [anna, ben] = [await enter('a', 'Anna'), await enter('b', 'Ben')];
  const { reply, said } = await sayAndHear(anna, { room: 'lobby', text: ' Hello ', ref: '1' });
  assert.equal(reply['data'], '{"ok":true}');
  assert.deepEqual({ ...said, at: '' }, { from: anna.key, name: 'Anna', text: 'Hello', at: '', ref: '1' });
  assert.deepEqual(saidIn(await ben.next()), said);
  const late = await enter('c', 'Cora');
  assert.deepEqual(late.history, [said]);
});

test('CM-04: a subscription waits until the page has said who it is', async (t) => {
  const { connect, nameOf } = await chat(t);
  const client = await connect();
  client.send({ op: 'subscribe', id: 1, topic: 'room:lobby' });
  client.send({ op: 'request', id: 2, name: 'enter', data: '{"name":"Anna","session":"a"}' });
  const frames = [await client.next(), await client.next()];
  assert.deepEqual(frames.map(({ op, id }) => `${String(op)} ${String(id)}`).toSorted(), ['ok 1', 'reply 2']);
  const { key } = JSON.parse(String(frames.find(({ op }) => op === 'reply')!['data'])) as { key: string };
  assert.equal(await nameOf(client, 'room:lobby', key), 'Anna');
});

test('CM-04: a name that is in use gets a number; the same session keeps its name', async (t) => {
  const { enter, nameOf } = await chat(t);
  const first = await enter('a', 'Anna');
  const second = await enter('b', 'anna');
  const again = await enter('a', 'Anna');
  assert.equal(again.key, first.key);
  assert.equal(await nameOf(first, 'room:lobby', first.key), 'Anna');
  assert.equal(await nameOf(first, 'room:lobby', second.key), 'anna 2');
  const elsewhere = await enter('c', 'Anna', 'blue');
  assert.equal(await nameOf(elsewhere, 'room:blue', elsewhere.key), 'Anna');
});

test('CM-04: only the server publishes, and only rooms can be subscribed', async (t) => {
  const { enter } = await chat(t);
  const anna = await enter('a', 'Anna');
  const published = await anna.ask('publish', { topic: 'room:lobby', data: '{"from":"someone else"}' });
  assert.equal(published['code'], 'forbidden');
  for (const topic of ['news', 'room:', 'room: x', `room:${'x'.repeat(MAX_ROOM + 1)}`, 'room:a  b'])
    assert.equal((await anna.ask('subscribe', { topic }))['code'], 'forbidden', topic);
});

test('CM-04: a user can speak only in the room where the user is', async (t) => {
  const { enter, request, connect } = await chat(t);
  const anna = await enter('a', 'Anna', 'red');
  assert.deepEqual(await request(anna, 'say', { room: 'blue', text: 'x', ref: '1' }), { ok: false });
  assert.deepEqual(await request(await connect(), 'say', { room: 'red', text: 'x', ref: '1' }), {
    ok: false,
  });
  assert.equal((await anna.ask('unsubscribe', { topic: 'room:red' }))['op'], 'ok');
  assert.deepEqual(await request(anna, 'say', { room: 'red', text: 'x', ref: '2' }), { ok: false });
});

test('CM-04: a name is free again after its user has left', async (t) => {
  const { server, enter, nameOf } = await chat(t);
  const anna = await enter('a', 'Anna');
  const stays = await enter('b', 'Ben');
  anna.raw[Symbol.dispose]();
  await waitUntil(() => server.topics.subscriberCount('room:lobby') === 1);
  const other = await enter('c', 'Anna');
  assert.equal(await nameOf(stays, 'room:lobby', other.key), 'Anna');
});

test('CM-04: a room stores the last messages', async (t) => {
  const { enter } = await chat(t);
  const anna = await enter('a', 'Anna');
  for (let i = 0; i < HISTORY + 10; i++)
    await sayAndHear(anna, { room: 'lobby', text: String(i), ref: String(i) });
  const { history } = await enter('b', 'Ben');
  assert.equal(history.length, HISTORY);
  assert.equal(history[0]?.['text'], '10');
});

const REFUSED: readonly (readonly [what: string, request: 'enter' | 'say', value: unknown])[] = [
  ['a number', 'enter', 5],
  ['null', 'say', null],
  ['no name', 'enter', { session: 's' }],
  ['a name of blanks', 'enter', { name: '  \u202e ', session: 's' }],
  ['a session with blanks', 'enter', { name: 'n', session: 'a b' }],
  ['a room name that is too long', 'say', { room: 'x'.repeat(MAX_ROOM + 1), text: 'x', ref: '1' }],
  ['a room name with a blank at its end', 'say', { room: 'x ', text: 'x', ref: '1' }],
  ['an empty text', 'say', { room: 'r', text: ' ', ref: '1' }],
  ['a text that is too long', 'say', { room: 'r', text: 'x'.repeat(MAX_TEXT + 1), ref: '1' }],
  ['a text without ref', 'say', { room: 'r', text: 'x' }],
];

for (const [what, request, value] of REFUSED) {
  test(`CM-04: ${request} with ${what} is refused with a sentence, and the connection stays open`, async (t) => {
    const { connect } = await chat(t);
    const client = await connect();
    const answer = await client.ask('request', { name: request, data: JSON.stringify(value) });
    assert.deepEqual([answer['op'], answer['code']], ['error', 'invalid']);
    client.send({ op: 'ping' });
    assert.deepEqual(await client.next(), { op: 'pong' });
  });
}

test('CM-04: control and direction characters are removed from names and texts', () => {
  const validated = (schema: typeof ENTER | typeof SAY, value: unknown): unknown =>
    (schema['~standard'].validate(value) as { value?: unknown }).value;
  assert.deepEqual(validated(ENTER, { name: ' A\u202en\u0007n  a\n', session: 's' }), {
    name: 'A n n a',
    session: 's',
  });
  assert.deepEqual(validated(SAY, { room: 'r', text: 'a\u202eb\nc', ref: '1' }), {
    room: 'r',
    text: 'ab\nc',
    ref: '1',
  });
  assert.equal(roomTopic('lobby'), 'room:lobby');
  assert.ok(!isRoomTopic('room:a\u202eb'));
});

test('CM-04: names differ without regard to case, and belong to a user while one connection is there', () => {
  const names = new Names<object>();
  const [m1, m2, m3] = [{}, {}, {}];
  assert.equal(names.take('r', 'a', 'Anna', m1), 'Anna');
  assert.equal(names.take('r', 'b', 'ANNA', m2), 'ANNA 2');
  assert.equal(names.take('r', 'a', 'Other', m3), 'Anna');
  names.leave('r', 'a', m1);
  assert.equal(names.of('r', 'a', m1), undefined);
  assert.equal(names.of('r', 'a', m3), 'Anna');
  names.leave('r', 'a', m3);
  names.leave('r', 'a', m3);
  assert.equal(names.take('r', 'c', 'Anna', m1), 'Anna');
});
