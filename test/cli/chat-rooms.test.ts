import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { MAX_ROOM, MAX_TEXT, readClientMessage } from '../../src/cli/chat/client-message.ts';
import { ChatRooms, MAX_ROOMS } from '../../src/cli/chat/chat-rooms.ts';
import { HISTORY, Room } from '../../src/cli/chat/room.ts';
import { binary, eventLoopTurns, text } from '../../src/testing/index.ts';
import { closeCode, live, nextText, type Peer } from '../server/live.ts';

const join = (session: string, name: string, room = 'lobby'): object => ({
  type: 'join',
  room,
  name,
  session,
});

function chat(t: TestContext) {
  const room = live(t);
  ChatRooms.on(room.server);
  const say = ({ raw }: Peer, message: unknown): void => raw.send(text(JSON.stringify(message)));
  const hear = async ({ raw }: Peer): Promise<Record<string, unknown>> =>
    JSON.parse(await nextText(raw)) as Record<string, unknown>;
  const enter = async (session: string, name: string, where?: string): Promise<Peer> => {
    const peer = await room.join();
    say(peer, join(session, name, where));
    assert.equal((await hear(peer))['type'], 'welcome');
    return peer;
  };
  return { ...room, say, hear, enter };
}

test('CM-04: a new member gets the member list and the history; the others get joined and left', async (t) => {
  const { say, hear, enter, join: connect } = chat(t);
  const anna = await enter('a', 'Anna');
  say(anna, { type: 'say', text: ' Hello ', ref: '1' });
  const { type, seq, name, text: said, ref } = await hear(anna);
  assert.deepEqual([type, seq, name, said, ref], ['message', 1, 'Anna', 'Hello', '1']);
  const ben = await connect();
  say(ben, join('b', 'Ben'));
  const { you, people, history, epoch } = await hear(ben);
  assert.equal(typeof epoch, 'string');
  assert.deepEqual(
    (people as { name: string }[]).map((person) => person.name),
    ['Anna', 'Ben'],
  );
  assert.deepEqual(
    (history as { text: string }[]).map((message) => message.text),
    ['Hello'],
  );
  assert.deepEqual(await hear(anna), { type: 'joined', person: you });
  ben.raw[Symbol.dispose]();
  assert.deepEqual(await hear(anna), { type: 'left', person: you });
});

test('CM-04: a user who reconnects with the same session keeps the id, and the old connection gets 4001', async (t) => {
  const { say, hear, enter, join: connect } = chat(t);
  const bystander = await enter('b', 'Ben');
  const before = await enter('a', 'Anna');
  const { person } = await hear(bystander);
  const after = await connect();
  say(after, join('a', 'Anna'));
  assert.deepEqual((await hear(after))['you'], person);
  assert.equal(await closeCode(before.raw), 4001);
  before.raw[Symbol.dispose]();
  await before.connection.closed;
  say(after, { type: 'say', text: 'still me', ref: '1' });
  // The bystander got no joined and no left.
  const { text: heard, from } = await hear(bystander);
  assert.deepEqual([heard, from], ['still me', (person as { id: string }).id]);
});

test('CM-04: a message that is sent again is published once', async (t) => {
  const { say, hear, enter } = chat(t);
  const [anna, ben] = [await enter('a', 'Anna'), await enter('b', 'Ben')];
  await hear(anna);
  for (let i = 0; i < 3; i++) say(anna, { type: 'say', text: 'once', ref: 'r1' });
  say(anna, { type: 'say', text: 'twice', ref: 'r2' });
  assert.deepEqual([(await hear(ben))['text'], (await hear(ben))['text']], ['once', 'twice']);
  const answers = [];
  for (let i = 0; i < 4; i++) answers.push((await hear(anna))['seq']);
  assert.deepEqual(answers, [1, 1, 1, 2]);
});

test('CM-04: rooms are separate, and joining another room leaves the first', async (t) => {
  const { say, hear, enter } = chat(t);
  const [red, blue] = [await enter('a', 'Anna', 'red'), await enter('b', 'Ben', 'blue')];
  say(red, { type: 'say', text: 'red only', ref: '1' });
  await hear(red);
  say(blue, join('b', 'Ben', 'red'));
  const { type, history } = await hear(blue);
  assert.deepEqual([type, (history as unknown[]).length], ['welcome', 1]);
  assert.equal((await hear(red))['type'], 'joined');
});

const REFUSED: readonly (readonly [what: string, data: string | Buffer])[] = [
  ['binary', Buffer.of(1)],
  ['invalid JSON', '{'],
  ['a number', '5'],
  ['null', 'null'],
  ['no type', '{}'],
  ['an unknown type', '{"type":"shout"}'],
  ['no name', '{"type":"join","room":"r","session":"s"}'],
  ['a name of blanks', '{"type":"join","room":"r","name":"  \\u202e ","session":"s"}'],
  ['a room name that is too long', JSON.stringify(join('s', 'n', 'x'.repeat(MAX_ROOM + 1)))],
  ['a session with blanks', '{"type":"join","room":"r","name":"n","session":"a b"}'],
  ['an empty text', '{"type":"say","text":" ","ref":"1"}'],
  ['a text that is too long', JSON.stringify({ type: 'say', text: 'x'.repeat(MAX_TEXT + 1), ref: '1' })],
  ['a text without ref', '{"type":"say","text":"x"}'],
  ['__proto__ instead of fields', '{"__proto__":{"type":"say","text":"x","ref":"1"}}'],
];

for (const [what, data] of REFUSED) {
  test(`CM-04: ${what} is refused with a sentence, and the connection stays open`, async (t) => {
    const { hear, say, enter } = chat(t);
    const peer = await enter('a', 'Anna');
    peer.raw.send(typeof data === 'string' ? text(data) : binary(data));
    const { type, why } = await hear(peer);
    assert.equal(type, 'refused');
    assert.match(String(why), /^[A-Z].*\.$/);
    say(peer, { type: 'alive' });
    assert.deepEqual(await hear(peer), { type: 'alive' });
  });
}

test('CM-04: a message before join is refused', async (t) => {
  const { hear, say, join: connect } = chat(t);
  const peer = await connect();
  say(peer, { type: 'say', text: 'x', ref: '1' });
  assert.deepEqual(await hear(peer), { type: 'refused', why: 'Join a room first.' });
});

test('CM-04: control and direction characters are removed from names', () => {
  const message = readClientMessage(JSON.stringify(join('s', ' A\u202en\u0007n  a\n', ' l\to ')));
  assert.deepEqual(message, join('s', 'A n n a', 'l o'));
});

test('CM-04: a room keeps the last messages, and adds a number to a name that is taken', () => {
  const room = new Room<string>('r', 'e');
  assert.equal(room.enter('1', 'Anna', 'm1', 'p1').person.name, 'Anna');
  assert.equal(room.enter('2', 'ANNA', 'm2', 'p2').person.name, 'ANNA 2');
  assert.equal(room.enter('3', 'Anna', 'm3', 'p3').person.name, 'Anna 3');
  assert.equal(room.leave('1', 'another member'), undefined);
  assert.equal(room.leave('1', 'm1')?.name, 'Anna');
  for (let i = 0; i < HISTORY + 10; i++) room.say('2', `${i}`, `${i}`, 'now');
  assert.equal(room.history().length, HISTORY);
  assert.equal(room.history()[0]?.text, '10');
});

test('CM-04: empty rooms are evicted at the maximum number of rooms', async (t) => {
  const { say, hear, join: connect } = chat(t);
  const peer = await connect();
  for (let i = 0; i < 250; i++) say(peer, join('s', 'Anna', `room ${i}`));
  for (let i = 0; i < 250; i++) assert.equal((await hear(peer))['type'], 'welcome');
  await eventLoopTurns(2);
});

test('CM-04: at the maximum a new room evicts the room that has been empty longest, never a room with members', async (t) => {
  const { say, hear, enter, join: connect } = chat(t);
  const wanderer = await enter('w', 'Wanderer', 'room 0');
  for (let i = 1; i < MAX_ROOMS; i++) {
    say(wanderer, join('w', 'Wanderer', `room ${i}`));
    await hear(wanderer);
  }
  const stays = await enter('s', 'Stays', 'room 0');
  say(stays, { type: 'say', text: 'kept', ref: '1' });
  await hear(stays);
  // Evicts room 1, the room that has been empty longest: room 0 has a member.
  say(wanderer, join('w', 'Wanderer', 'one more'));
  assert.equal((await hear(wanderer))['type'], 'welcome');
  say(wanderer, join('w', 'Wanderer', 'room 0'));
  assert.equal(((await hear(wanderer))['history'] as unknown[]).length, 1);

  const people: Peer[] = [];
  for (let i = 0; i < MAX_ROOMS - 1; i++) people.push(await enter(`p${i}`, 'Person', `room ${i + 1}`));
  const late = await connect();
  say(late, join('l', 'Late', 'yet another'));
  assert.deepEqual(await hear(late), {
    type: 'refused',
    why: 'There are too many rooms; join one that exists.',
  });
});

test('CM-04: a session has one member in a room; a replaced or absent member can neither speak nor leave', () => {
  const room = new Room<string>('lobby', 'e');
  assert.equal(room.say('a', 'nobody', 'r', 'now'), undefined);
  const { person } = room.enter('a', 'Anna', 'first', '1');
  assert.deepEqual(room.enter('a', 'Anna', 'first', '2'), { person });
  assert.deepEqual(room.enter('a', 'Anna', 'second', '3'), { person, replaced: 'first' });
  assert.equal(room.leave('a', 'first'), undefined);
  assert.deepEqual(room.leave('a', 'second'), person);
  assert.ok(room.isEmpty);
});
