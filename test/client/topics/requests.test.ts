import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endOf, scripted, settle } from './scripted.ts';

test('HI-09: a request gets its answer as a value, or the error of the server', async (t) => {
  const { topics, sent, serve, connect } = scripted(t);
  connect();
  const price = topics.request('price', { sku: 4711 }, undefined);
  const nothing = topics.request('nothing', undefined, undefined);
  const unknown = topics.request('unknown', 1, undefined);
  const failed = topics.request('fails', 1, undefined);
  const broken = topics.request('broken', 1, undefined);
  assert.deepEqual(sent().slice(0, 2), [
    { op: 'request', name: 'price', data: '{"sku":4711}', id: 1 },
    { op: 'request', name: 'nothing', id: 2 },
  ]);
  serve(
    { op: 'reply', id: 2 },
    { op: 'reply', id: 1, data: '12.5' },
    { op: 'error', id: 3, code: 'no-handler', message: 'no such handler' },
    { op: 'error', id: 4, code: 'failed' },
    { op: 'reply', id: 5, data: '{' },
  );
  assert.deepEqual([await price, await nothing], [12.5, undefined]);
  await assert.rejects(unknown, { code: 'no-handler', message: 'no such handler', outcome: 'not-sent' });
  await assert.rejects(failed, { code: 'failed', message: 'failed', outcome: 'unknown' });
  await assert.rejects(broken, { code: 'invalid' });
});

test('HI-09: a request ends by its timeout, its signal or the end of the connection', async (t) => {
  const { topics, clock, sent, serve, connect, cut } = scripted(t);
  const late = endOf(topics.request('a', undefined, { timeoutMs: 2_000 }));
  clock.advance(1_000);
  connect();
  clock.advance(1_000);
  await settle();
  assert.deepEqual(late.end, ['timeout', 'unknown']);
  serve({ op: 'reply', id: 1, data: '1' }, { op: 'reply', id: 99, data: '1' });

  const leaving = new AbortController();
  const reason = new Error('left the page');
  const aborted = topics.request('b', undefined, { signal: leaving.signal });
  leaving.abort(reason);
  await assert.rejects(aborted, reason);
  await assert.rejects(topics.request('c', undefined, { signal: leaving.signal }), reason);

  const cutOff = topics.request('d', undefined, undefined);
  cut();
  await assert.rejects(cutOff, { code: 'disconnected', outcome: 'unknown' });
  const waiting = new AbortController();
  const neverSent = topics.request('e', undefined, { signal: waiting.signal });
  waiting.abort(reason);
  await assert.rejects(neverSent, reason);
  sent();
  connect();
  assert.deepEqual(sent(), []);
  const unsent = topics.request('f', undefined, { timeoutMs: 1 });
  assert.equal(topics.operations.size, 1);
  clock.advance(1);
  await assert.rejects(unsent, { code: 'timeout', outcome: 'unknown' });
});

test('HI-09: an abandoned operation keeps its place until the server answers', async (t) => {
  const { topics, clock, sent, serve, connect } = scripted(t);
  connect();
  const all = Array.from({ length: 16 }, () =>
    endOf(topics.request('slow', undefined, { timeoutMs: 1_000 })),
  );
  const next = endOf(topics.request('next', undefined, undefined));
  clock.advance(1_000);
  await settle();
  assert.ok(all.every(({ end }) => Array.isArray(end) && end[0] === 'timeout'));
  assert.equal(sent().length, 16);
  serve({ op: 'reply', id: 1 });
  assert.deepEqual(
    sent().map(({ name }) => name),
    ['next'],
  );
  serve({ op: 'reply', id: 17, data: 'true' });
  await settle();
  assert.equal(next.end, true);
});

test('HI-09: the client answers requests of the server', async (t) => {
  const { topics, sent, serve, connect, cut, heard } = scripted(t);
  const remove = topics.handle('double', (value: number) => value * 2, undefined);
  topics.handle('later', async () => undefined, undefined);
  topics.handle('fails', () => Promise.reject(new Error('secret')), undefined);
  topics.handle('odd', () => () => 1, undefined);
  const positive = {
    '~standard': {
      validate: (value: unknown) =>
        typeof value === 'number' && value > 0
          ? { value: String(value) }
          : { issues: [{ message: 'not above 0' }, { message: 'or no number' }] },
    },
  };
  topics.handle('checked', (value: string) => value, { schema: positive });
  connect();
  const asked = async (name: string, data?: string): Promise<unknown> => {
    serve({ op: 'request', id: 's1', name, data });
    await settle();
    return sent();
  };
  const error = (code: string, message: string): unknown => [{ op: 'error', code, message, id: 's1' }];
  assert.deepEqual(await asked('double', '21'), [{ op: 'reply', data: '42', id: 's1' }]);
  assert.deepEqual(await asked('later'), [{ op: 'reply', id: 's1' }]);
  assert.deepEqual(await asked('none'), error('no-handler', 'there is no handler of "none"'));
  assert.deepEqual(await asked('double', '{'), error('invalid', 'data is not JSON'));
  assert.deepEqual(await asked('checked', '1'), [{ op: 'reply', data: '"1"', id: 's1' }]);
  assert.deepEqual(await asked('checked', '0'), error('invalid', 'not above 0; or no number'));
  assert.deepEqual(heard, []);
  assert.deepEqual(await asked('fails'), error('failed', 'the handler failed'));
  assert.deepEqual(await asked('odd'), error('failed', 'the handler failed'));
  assert.deepEqual(heard[0], ['listenerFailed', 'secret', 'the handler of "fails"']);
  assert.throws(() => topics.handle('double', () => 1, undefined), { code: 'ERR_STATE' });
  remove();
  remove();
  assert.deepEqual(await asked('double', '1'), error('no-handler', 'there is no handler of "double"'));

  serve({ op: 'request', id: 's2', name: 'later' });
  cut();
  connect();
  await settle();
  assert.deepEqual(sent(), [], 'an answer belongs to the connection of its request');
});

test('HI-09: the client handles at most 16 requests of the server at a time', async (t) => {
  const { topics, sent, serve, connect } = scripted(t);
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  topics.handle('slow', () => gate, undefined);
  connect();
  for (let i = 1; i <= 17; i++) serve({ op: 'request', id: `s${i}`, name: 'slow' });
  assert.deepEqual(
    sent().map(({ id, code }) => [id, code]),
    [['s17', 'busy']],
  );
  release();
  await settle();
  assert.equal(sent().length, 16);
});
