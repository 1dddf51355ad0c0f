import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as conform from '../../src/conform/index.ts';
import { acceptedValues } from '../misuse.ts';

/** The functions of the suite, with arguments of any type. */
const any = conform as unknown as Record<string, (...args: unknown[]) => unknown>;
/** No server listens there, and `only` matches no case: no call opens a connection. */
const UNREACHABLE_URL = 'ws://127.0.0.1:1/';
const NO_CASE = ['no.such.case'];

const OPTIONS: readonly (readonly [name: string, tested: 'server' | 'client'])[] = [
  ...(['only', 'concurrency', 'timeoutMs', 'signal', 'tool', 'onStart', 'onCase'] as const).flatMap(
    (name) => [[name, 'server'] as const, [name, 'client'] as const],
  ),
  ...(['headers', 'protocols', 'tls', 'attacks'] as const).map((name) => [name, 'server'] as const),
  ...(['host', 'port', 'onListening'] as const).map((name) => [name, 'client'] as const),
];

const tests = (tested: 'server' | 'client', options: unknown): unknown =>
  tested === 'server' ? any['testServer']!(UNREACHABLE_URL, options) : any['testClient']!(options);

for (const [name, tested] of OPTIONS) {
  test(`GN-05 the suite refuses a wrong ${name} for a ${tested}`, async () => {
    for (const value of [null, NaN, 1n, Symbol('x'), new Date(0)]) {
      if (name === 'tls' && value instanceof Date) continue;
      await assert.rejects(async () => tests(tested, { [name]: value }), {
        code: 'ERR_OPTION',
        message: new RegExp(`^${name} must be `),
      });
    }
  });
}

for (const tested of ['server', 'client'] as const) {
  test(`GN-05 the suite refuses unknown options, and patterns that match no case, for a ${tested}`, async () => {
    for (const options of [null, 1, 'x', []])
      await assert.rejects(async () => tests(tested, options), { code: 'ERR_OPTION' });
    await assert.rejects(async () => tests(tested, { timeout: 1 }), {
      code: 'ERR_OPTION',
      message: /^there is no option timeout; the options are only, /,
    });
    await assert.rejects(async () => tests(tested, { only: NO_CASE }), {
      code: 'ERR_OPTION',
      message: /^only matches no case: 'no\.such\.case'/,
    });
  });
}

for (const [label, call] of [
  ['testServer(_)', (url: unknown) => any['testServer']!(url, { only: NO_CASE })],
  ['conformanceCases(_)', (tested: unknown) => any['conformanceCases']!(tested)],
  ['htmlReport(_)', (report: unknown) => any['htmlReport']!(report)],
  ['jsonReport(_)', (report: unknown) => any['jsonReport']!(report)],
  ['junitReport(_)', (report: unknown) => any['junitReport']!(report)],
] as const) {
  test(`GN-05 the suite refuses wrong arguments: ${label}`, async () => {
    assert.deepEqual(await acceptedValues(label, call), []);
  });
}

test('GN-05 conformanceCases takes a list of patterns only', async () => {
  assert.deepEqual(
    await acceptedValues("conformanceCases('server', _)", (only) => any['conformanceCases']!('server', only)),
    ['undefined', '[]'],
  );
});
