import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Connection, MisuseError } from '../../src/index.ts';
import { pair } from '../../src/testing/index.ts';
import { acceptedValues } from '../misuse.ts';

type AnyConnection = {
  [Name in Exclude<keyof Connection, 'expiresAt' | 'priority'>]: (...args: unknown[]) => unknown;
} & {
  expiresAt: unknown;
  priority: unknown;
};

async function stage(t: TestContext): Promise<AnyConnection> {
  const joined = await pair();
  t.after(() => joined[Symbol.asyncDispose]());
  return joined.server as unknown as AnyConnection;
}

test('GN-05 every argument of every connection method is checked: refused with a typed error, or documented as valid', async (t) => {
  const connection = await stage(t);
  const surplus = ['undefined'];
  const rows: readonly (readonly [
    label: string,
    call: (value: unknown) => unknown,
    valid: readonly string[],
  ])[] = [
    ['send(_)', (value) => connection.send(value), ["'x'", "''"]],
    ['send(payload, _)', (value) => connection.send('x', value), ['undefined', '{}']],
    ['send(payload, undefined, _)', (value) => connection.send('x', undefined, value), surplus],
    ['send(payload, {}, _)', (value) => connection.send('x', {}, value), surplus],
    [
      'send(payload, { binary: _ })',
      (binary) => connection.send('x', { binary }),
      ['undefined', 'true', 'false'],
    ],
    [
      'send(payload, { compress: _ })',
      (compress) => connection.send('x', { compress }),
      ['undefined', 'true', 'false'],
    ],
    ['sendJson(value, _)', (value) => connection.sendJson(1, value), ['undefined', '{}']],
    ['sendJson(value, {}, _)', (value) => connection.sendJson(1, {}, value), surplus],
    ['drained(_)', (value) => connection.drained(value), ['undefined', '{}']],
    ['drained({ signal: _ })', (signal) => connection.drained({ signal }), ['undefined']],
    ['drained({}, _)', (value) => connection.drained({}, value), surplus],
    ['ping(_)', (value) => connection.ping(value), ['undefined', "'x'", "''"]],
    ['ping(payload, _)', (value) => connection.ping('x', value), surplus],
    ['pause(_)', (value) => connection.pause(value), surplus],
    ['resume(_)', (value) => connection.resume(value), surplus],
    ['subscribe(_)', (value) => connection.subscribe(value), ["'x'"]],
    ['subscribe(topic, _)', (value) => connection.subscribe('t', value), surplus],
    ['unsubscribe(_)', (value) => connection.unsubscribe(value), ["'x'"]],
    ['unsubscribe(topic, _)', (value) => connection.unsubscribe('t', value), surplus],
    ['publish(_, payload)', (value) => connection.publish(value, 'x'), ["'x'"]],
    ['publish(topic, _)', (value) => connection.publish('t', value), ["'x'", "''"]],
    ['publish(topic, payload, _)', (value) => connection.publish('t', 'x', value), ['undefined', '{}']],
    ['publish(topic, payload, {}, _)', (value) => connection.publish('t', 'x', {}, value), surplus],
    [
      'publish(topic, payload, { where: _ })',
      (where) => connection.publish('t', 'x', { where }),
      ['undefined', 'function'],
    ],
    [
      'publish(topic, payload, { except: _ })',
      (except) => connection.publish('t', 'x', { except }),
      ['undefined', "'x'", "''", '[]', 'Map'],
    ],
    ['priority = _', (value) => (connection.priority = value), []],
    ['expiresAt = _', (value) => (connection.expiresAt = value), ['undefined', '0', '-1', '1.5', 'Date']],
    ['close(code, reason, _)', (value) => value !== undefined && connection.close(1000, '', value), surplus],
    [
      'close(code, _)',
      (value) => typeof value === 'string' || value === undefined || connection.close(1000, value),
      ['undefined', "'x'", "''"],
    ],
    ['close(_)', (value) => value !== undefined && connection.close(value), surplus],
    ['terminate(_)', (value) => value !== undefined && connection.terminate(value), surplus],
  ];
  connection.expiresAt = undefined;
  for (const [label, call, valid] of rows) assert.deepEqual(await acceptedValues(label, call), valid, label);
});

test('GN-05 a refused connection call names the fix and has no effect', async (t) => {
  const connection = await stage(t);
  const callback = (): void => assert.fail('called');
  const rows: readonly (readonly [call: () => unknown, says: RegExp])[] = [
    [
      () => connection.send('x', callback),
      /^connection\.send takes no callback; await connection\.drained\(\)$/,
    ],
    [() => connection.send('x', { fin: true }, callback), /^connection\.send takes no callback/],
    [() => connection.send('x', undefined, callback), /^connection\.send takes no callback/],
    [() => connection.send('x', { fin: false }), /has no option fin .*; send sends whole messages$/],
    [() => connection.send('x', { mask: true }), /clients mask every frame, servers none/],
    [() => connection.send('x', { compres: true }), /the nearest is compress$/],
    [
      () => connection.send('x', 'utf8'),
      /^connection\.send: options is "utf8"; it must be an object with binary, compress, key$/,
    ],
    [() => connection.send({ type: 'chat' }), /not Object; send JSON\.stringify\(value\)$/],
    [() => connection.send([1]), /not Array; send JSON\.stringify\(value\)$/],
    [
      () => connection.ping('x', callback),
      /^connection\.ping takes no callback; the answer is the event 'pong'$/,
    ],
    [() => connection.close(callback), /^connection\.close takes no callback; await connection\.closed$/],
    [() => connection.close(1000, '', callback), /^connection\.close takes no callback/],
    [() => connection.close('1000'), /^close code "1000" cannot be sent; use 1000 to/],
    [
      () => connection.terminate(1008),
      /^connection\.terminate takes no such argument as 1008; close\(code, reason\) sends a code$/,
    ],
    [
      () => connection.drained(callback),
      /^connection\.drained takes no callback; await connection\.drained\(\)$/,
    ],
    [
      () => connection.subscribe('t', callback),
      /^connection\.subscribe takes no callback; what is published/,
    ],
    [() => connection.publish('t', 'x', callback), /^connection\.publish takes no callback/],
  ];
  for (const [call, says] of rows) {
    assert.throws(call, (error: Error) => {
      assert.ok(error instanceof MisuseError);
      assert.match(error.message, says);
      return true;
    });
  }
  const { messagesSent, state } = connection as unknown as Connection;
  assert.deepEqual([messagesSent, state], [0, 'open']);
});
