import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketServer } from '../../src/index.ts';
import * as observe from '../../src/observe/index.ts';
import { acceptedValues } from '../misuse.ts';

/** The functions of the entry point, which take anything here. */
const any = observe as unknown as Record<string, (...args: unknown[]) => unknown>;
const server = new WebSocketServer({ name: 'one' });
const BOOLEAN = ['undefined', 'true', 'false'];

const ROWS = ['metricsText', 'collectors'].flatMap((name) => [
  [`${name}(_)`, (value: unknown) => any[name]!(value), ['[]']] as const,
  [`${name}([_])`, (value: unknown) => any[name]!([value]), []] as const,
  [`${name}(server, _)`, (value: unknown) => any[name]!(server, value), ['undefined', '{}']] as const,
  [
    `${name}(server, { process: _ })`,
    (process: unknown) => any[name]!(server, { process }),
    BOOLEAN,
  ] as const,
  [`${name}(server, {}, _)`, (value: unknown) => any[name]!(server, {}, value), ['undefined']] as const,
]);

for (const [label, call, valid] of ROWS) {
  test(`GN-05 ${label} refuses wrong values with a typed error`, async () => {
    assert.deepEqual(await acceptedValues(label, call), valid);
  });
}

test('GN-05 server.metrics takes no argument', async () => {
  const { metrics } = server as unknown as { metrics: (...args: unknown[]) => unknown };
  assert.deepEqual(await acceptedValues('metrics(_)', (value) => metrics.call(server, value)), ['undefined']);
});

test('MT-01 GN-05 several servers in one text need names of their own; the error says which server has none', () => {
  const without = new WebSocketServer();
  const same = new WebSocketServer({ name: 'one' });
  for (const [name, call] of [
    ['metricsText', observe.metricsText],
    ['collectors', observe.collectors],
  ] as const) {
    assert.throws(() => call([server, without]), {
      code: 'ERR_ARGUMENT',
      message: `${name}: servers[1] has no name; give each server the option name, with a value of its own`,
    });
    assert.throws(() => call([server, same]), {
      code: 'ERR_ARGUMENT',
      message: /servers\[1\] is called "one" as another/,
    });
    call([without]);
  }
});
