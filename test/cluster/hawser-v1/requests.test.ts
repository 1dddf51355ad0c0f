import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestError } from '../../../src/connection/request-error.ts';
import { deferred, error, type Fact, matches, v1Server } from './peer.ts';

const schema = (validate: (value: unknown) => unknown) =>
  ({ '~standard': { version: 1, vendor: 'test', validate } }) as never;

test('HI-09 a request gets the JSON of what the handler returns, at once or later', async (t) => {
  const { greeted, core, errors } = v1Server(t);
  const { handlers } = core.topics;
  handlers.set('double', (_, data: never) => (data as number) * 2, undefined);
  handlers.set('later', (connection, data) => Promise.resolve([connection.id.length, data]), undefined);
  handlers.set('nothing', () => {}, undefined);
  handlers.set('fails', () => Promise.reject(new Error('secret')), undefined);
  handlers.set('function', () => () => {}, undefined);
  const peer = await greeted();
  const ask = async (id: number, name: string, data?: string): Promise<Fact[]> => {
    peer.sends({ op: 'request', id, name, data });
    return peer.all();
  };
  assert.deepEqual(await ask(1, 'double', '21'), [{ op: 'reply', id: 1, data: '42' }]);
  assert.deepEqual(await ask(2, 'later', '"x"'), [{ op: 'reply', id: 2, data: '[36,"x"]' }]);
  assert.deepEqual(await ask(3, 'later'), [{ op: 'reply', id: 3, data: '[36,null]' }]);
  assert.deepEqual(await ask(4, 'nothing', '1'), [{ op: 'reply', id: 4, data: 'null' }]);
  assert.deepEqual(await ask(5, 'fails', '1'), [
    { op: 'error', id: 5, code: 'failed', message: 'the handler failed' },
  ]);
  assert.deepEqual(await ask(6, 'function', '1'), [
    { op: 'error', id: 6, code: 'failed', message: 'the handler failed' },
  ]);
  matches(await ask(7, 'double', '{'), [error(7, 'invalid')]);
  assert.deepEqual(
    errors.splice(0).map(({ message }) => message),
    ['secret', 'the handler returned function; it must return a JSON value'],
  );
  assert.throws(() => handlers.set('double', () => 1, undefined), { code: 'ERR_STATE' });
});

test('HI-09 a schema checks the data, at once or later, and may change it', async (t) => {
  const { greeted, core, errors } = v1Server(t);
  const { handlers } = core.topics;
  const asNumber = (value: unknown) =>
    typeof value === 'string'
      ? { value: Number(value) }
      : { issues: [{ message: 'must be text', path: ['a', { key: 0 }] }, { message: 'and more' }] };
  handlers.set('now', (_, data: never) => data, { schema: schema(asNumber) });
  handlers.set('later', (_, data: never) => data, {
    schema: schema((value) => Promise.resolve(asNumber(value))),
  });
  handlers.set('broken', () => 1, { schema: schema(() => Promise.reject(new Error('broken'))) });
  const peer = await greeted();
  for (const name of ['now', 'later']) {
    peer.sends({ op: 'request', id: 1, name, data: '"7"' }, { op: 'request', id: 2, name, data: '7' });
    assert.deepEqual((await peer.all()).toSorted(byId), [
      { op: 'reply', id: 1, data: '7' },
      { op: 'error', id: 2, code: 'invalid', message: 'a.0: must be text; and more' },
    ]);
  }
  peer.sends({ op: 'request', id: 3, name: 'broken', data: '1' });
  matches(await peer.all(), [error(3, 'failed')]);
  assert.equal(errors.shift()?.message, 'broken');
});

const byId = (a: Fact, b: Fact): number => (a['id'] as number) - (b['id'] as number);

test('HI-09 a handler that takes too long gives timeout; 16 of them stop reading until then', async (t) => {
  const { greeted, core, clock } = v1Server(t);
  const late = deferred<number>();
  core.topics.handlers.set('slow', () => late.promise, { timeoutMs: 500 });
  const peer = await greeted();
  peer.sends(...Array.from({ length: 16 }, (_, id) => ({ op: 'request', id, name: 'slow', data: '1' })), {
    op: 'ping',
  });
  assert.deepEqual(await peer.all(), []);
  clock.advance(500);
  matches(
    await peer.all(),
    [...Array.from({ length: 16 }, (_, id) => error(id, 'timeout')), { op: 'pong' }].sort(pongSecond),
  );
  late.resolve(1);
  assert.deepEqual(await peer.all(), []);
});

/** The first answer lets the server read on: the pong comes right after it. */
const pongSecond = (a: Fact, b: Fact): number => place(a) - place(b);
const place = ({ op, id }: Fact): number => (op === 'pong' ? 0.5 : (id as number));

test('HI-09 the server asks the client: reply, errors, timeout, abort, limit', async (t) => {
  const { greeted, clock } = v1Server(t);
  const { connection, sends, all } = await greeted();
  const reply = connection.request('colour', { of: 'sky' });
  assert.deepEqual(await all(), [{ op: 'request', id: 's1', name: 'colour', data: '{"of":"sky"}' }]);
  sends({ op: 'reply', id: 's1', data: '"blue"' });
  assert.equal(await reply, 'blue');

  for (const [code, expected] of [
    ['no-handler', 'no-handler'],
    ['busy', 'failed'],
  ] as const) {
    const failing = connection.request('x');
    const [request] = await all();
    sends({ op: 'error', id: request!['id'], code });
    await assert.rejects(
      failing,
      (failure: RequestError) => failure instanceof RequestError && failure.code === expected,
    );
  }
  const broken = connection.request('x');
  sends({ op: 'reply', id: (await all())[0]!['id'], data: '{' });
  await assert.rejects(broken, { code: 'invalid' });
  const empty = connection.request('x');
  sends({ op: 'reply', id: (await all())[0]!['id'] });
  assert.equal(await empty, undefined);

  const slow = connection.request('x', 1, { timeoutMs: 300 });
  const abort = new AbortController();
  const aborted = connection.request('x', 1, { signal: abort.signal });
  const given = connection.request('x', 1, { signal: AbortSignal.abort(new Error('given up')) });
  await assert.rejects(given, /given up/);
  abort.abort(new Error('changed my mind'));
  await assert.rejects(aborted, /changed my mind/);
  clock.advance(300);
  await assert.rejects(slow, { code: 'timeout', message: /within 300 ms/ });
  await assert.rejects(connection.request('x', 1n), { code: 'ERR_ARGUMENT' });

  const open = Array.from({ length: 16 }, () => connection.request('x'));
  await assert.rejects(connection.request('x'), { code: 'ERR_STATE', message: /16 requests/ });
  connection.terminate();
  for (const each of open) await assert.rejects(each, { code: 'ERR_CLOSED' });
  await assert.rejects(connection.request('x'), { code: 'ERR_CLOSED' });
});
