import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binary, text } from '../../src/testing/index.ts';
import { closeCode, nextText } from '../server/live.ts';
import { ask, runExample, statusOf } from './run-example.ts';

test('EX-01 echo: text and bytes come back', async (t) => {
  const { join } = await runExample(t, 'echo.ts');
  const client = await join();
  assert.equal(await ask(client, 'ahoy'), 'ahoy');
  client.send(binary(Buffer.of(1, 2)));
  const { opcode, payload } = await client.nextFrame();
  assert.deepEqual([opcode, [...payload]], [2, [1, 2]]);
});

test('EX-01 answer the sender: each client gets the answers to its own questions', async (t) => {
  const { join } = await runExample(t, 'answer-sender.ts');
  const [ann, ben] = [await join(), await join()];
  assert.equal(await ask(ann, '{"id":1,"add":[2,3]}'), '{"id":1,"result":5}');
  assert.equal(await ask(ben, '{"id":1,"add":[]}'), '{"id":1,"result":0}');
  assert.equal(ann.received.length, 0);
  for (const wrong of ['nonsense', 'null', '[]', '{"id":"x","add":[1]}', '{"id":1,"add":["1"]}']) {
    const client = await join();
    client.send(text(wrong));
    assert.equal(await closeCode(client), 1008, wrong);
  }
});

test('EX-01 tell all others: every client except the sender gets the message', async (t) => {
  const { join } = await runExample(t, 'tell-others.ts');
  const [ann, ben, eve] = [await join(), await join(), await join()];
  ann.send(text('from ann'));
  assert.deepEqual([await nextText(ben), await nextText(eve)], ['from ann', 'from ann']);
  ben.send(text('from ben'));
  assert.deepEqual([await nextText(ann), await nextText(eve)], ['from ben', 'from ben']);
  assert.equal(ben.received.length, 0);
});

test('EX-01 periodic push: all clients get the time repeatedly', async (t) => {
  const { join } = await runExample(t, 'periodic-push.ts', { env: { EVERY_MS: '5' } });
  const [ann, ben] = [await join(), await join()];
  for (const client of [ann, ben, ann, ben]) {
    const { now } = JSON.parse(await nextText(client)) as { now: string };
    assert.equal(new Date(now).toISOString(), now);
  }
});

test('EX-01 selective push: to all connections of one user, or to those that match', async (t) => {
  const example = await runExample(t, 'selective-push.ts');
  const { join } = example;
  const ann = await join({ path: '/?user=ann&city=Bergen' });
  const annAgain = await join({ path: '/?user=ann' });
  const ben = await join({ path: '/?user=ben&city=Bergen' });
  ben.send(text('{"user":"ann","text":"hi"}'));
  assert.deepEqual([await nextText(ann), await nextText(annAgain)], ['ben: hi', 'ben: hi']);
  annAgain.send(text('{"city":"Bergen","text":"rain"}'));
  assert.deepEqual([await nextText(ann), await nextText(ben)], ['ann: rain', 'ann: rain']);
  assert.equal(annAgain.received.length, 0);
  annAgain.send(text('no JSON'));
  assert.equal(await closeCode(annAgain), 1011);
  assert.equal(await ask(ben, '{"user":"ben","text":"still here"}'), 'ben: still here');
  assert.equal(await statusOf(example, {}), 400);
});

test('EX-01 chat: rooms are separate, and the page connects', async (t) => {
  const { join, fetch } = await runExample(t, 'chat.ts');
  const ann = await join({ path: '/harbour' });
  assert.equal(await nextText(ann), 'You are guest 1 in room:/harbour.');
  const ben = await join({ path: '/harbour' });
  assert.equal(await nextText(ben), 'You are guest 2 in room:/harbour.');
  assert.equal(await nextText(ann), 'guest 2 came.');
  const eve = await join({ path: '/other' });
  assert.equal(await nextText(eve), 'You are guest 3 in room:/other.');
  ben.send(text('<b>ahoy</b>'));
  assert.equal(await nextText(ann), 'guest 2: <b>ahoy</b>');
  ben[Symbol.dispose]();
  assert.equal(await nextText(ann), 'guest 2 left.');
  assert.equal(eve.received.length, 0);
  const page = await fetch('/harbour');
  assert.match(await page.text(), /new WebSocket\(location\.href/);
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);
});

test('EX-01 broadcast: a post reaches all clients, and needs the token', async (t) => {
  const { join, fetch } = await runExample(t, 'broadcast.ts', { env: { PUBLISH_TOKEN: 't0ken' } });
  const clients = [await join(), await join(), await join()];
  const post = (token: string) =>
    fetch('/', { method: 'POST', body: 'noon', headers: { authorization: `Bearer ${token}` } });
  assert.equal((await post('wrong')).status, 401);
  const posted = await post('t0ken');
  assert.deepEqual(await posted.json(), { sent: 3, skipped: 0, failed: 0 });
  for (const client of clients) assert.equal(await nextText(client), 'noon');
  assert.equal((await fetch('/')).status, 405);
});
