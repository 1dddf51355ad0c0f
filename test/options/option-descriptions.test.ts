import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkServerOption, describeServerOptions } from '../../src/index.ts';
import { acceptedValues } from '../misuse.ts';

const check = checkServerOption as (...args: unknown[]) => unknown;

test('GN-05 checkServerOption refuses wrong names, values and labels', async () => {
  for (const [label, call, accepted] of [
    ['checkServerOption(_, 1)', (name: unknown) => check(name, 1), []],
    ["checkServerOption('rateLimit', _)", (value: unknown) => check('rateLimit', value), []],
    ["checkServerOption('rateLimit.unknown', _)", (value: unknown) => check('rateLimit.unknown', value), []],
    ["checkServerOption('maxConnections', _)", (value: unknown) => check('maxConnections', value), []],
    ["checkServerOption('rateLimit.action', _)", (value: unknown) => check('rateLimit.action', value), []],
    [
      "checkServerOption('maxConnections', 1, _)",
      (value: unknown) => check('maxConnections', 1, value),
      ['undefined', "'x'", "''"],
    ],
  ] as const)
    assert.deepEqual(await acceptedValues(label, call), accepted, label);
});

test('GN-05 checkServerOption names the option by its label, and returns the value', () => {
  assert.throws(() => checkServerOption('rateLimit.action', 'shout', '--rate-action'), {
    code: 'ERR_OPTION',
    message: /^--rate-action is /,
  });
  assert.equal(checkServerOption('rateLimit.action', 'close'), 'close');
  assert.equal(checkServerOption('loadControl.breaker.openMs', 7), 7);
  assert.deepEqual(checkServerOption('loadControl.heapRatio', [0.5, 0.6]), [0.5, 0.6]);
  for (const name of ['loadControl.breaker', 'loadControl.breaker.openMs.more', 'maxConnections.more'])
    assert.throws(() => checkServerOption(name, 7), { code: 'ERR_ARGUMENT' }, name);
  const given = ['chat'];
  const protocols = checkServerOption('protocols', given) as readonly string[];
  given.push('later');
  assert.deepEqual(protocols, ['chat']);
  assert.ok(Object.isFrozen(protocols));
});

test('CF-02 describeServerOptions describes the options inside a group, too', () => {
  const { rateLimit, perMessageDeflate, metrics, maxConnections, loadControl } = describeServerOptions();
  const { breaker, heapRatio, criticalReserveRatio } = loadControl.options!;
  assert.deepEqual([breaker?.kind, breaker?.options?.['openMs']?.default], ['group', 5_000]);
  assert.deepEqual([heapRatio?.kind, heapRatio?.max, heapRatio?.orFalse], ['levels', 1, true]);
  assert.deepEqual([criticalReserveRatio?.kind, criticalReserveRatio?.min], ['ratio', 0]);
  assert.deepEqual(Object.keys(rateLimit.options ?? {}).sort(), [
    'action',
    'burstBytes',
    'burstMessages',
    'bytesPerSecond',
    'closeCode',
    'key',
    'messagesPerSecond',
  ]);
  assert.equal(rateLimit.options?.['closeCode']?.default, 1008);
  assert.equal(rateLimit.options?.['key']?.kind, 'function');
  assert.equal(perMessageDeflate.kind, 'group');
  assert.deepEqual([metrics.kind, metrics.options?.['handlerTimeOneIn']?.default], ['group', 16]);
  assert.equal(maxConnections.kind, 'count');
  assert.ok(Object.isFrozen(describeServerOptions()));
});
