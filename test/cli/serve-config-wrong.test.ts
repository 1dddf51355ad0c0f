import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { run, type Sources } from './config-run.ts';
import { fakeIo } from './fake-io.ts';

/** Wrong sources, and a part of the error for each; `$file` is the path of the file. */
const WRONG: readonly (readonly [what: string, sources: Sources, sentence: string])[] = [
  ['text that is not JSON', { file: '{ maxConnections: 1 }' }, '$file: this is not JSON: '],
  ['a list', { file: '[]' }, '$file: the file must hold one object of options'],
  [
    'an unknown option',
    { file: { maxConections: 5 } },
    '$file: there is no option maxConections (given as 5); the nearest is maxConnections',
  ],
  [
    'an unknown option of a group',
    { file: { rateLimit: { messagePerSecond: 5 } } },
    '$file: there is no option rateLimit.messagePerSecond (given as 5); the nearest is rateLimit.messagesPerSecond',
  ],
  [
    'an unknown option that resembles none',
    { file: { zzz: null } },
    '$file: there is no option zzz (given as null)',
  ],
  [
    'a value out of range',
    { file: { maxConnections: 0 } },
    '$file: maxConnections is 0; it must be a whole number from 1 to 10000000',
  ],
  ['a wrong type', { file: { heartbeat: 'on' } }, '$file: heartbeat is "on"; it must be true or false'],
  [
    'a wrong value in a group',
    { file: { rateLimit: { messagesPerSecond: 1, action: 'wait' } } },
    '$file: rateLimit.action is "wait"; it must be ',
  ],
  [
    'a number instead of a group',
    { file: { rateLimit: 5 } },
    '$file: rateLimit is 5; it must be false, or an object of its options',
  ],
  [
    'a number instead of a group, also below a flag of the group',
    { file: { rateLimit: 5 }, flags: ['--rate-limit', '7'] },
    '$file: rateLimit is 5; it must be false, or an object of its options',
  ],
  [
    'true for a group that needs a number, also below a flag of the group',
    { file: { rateLimit: true }, flags: ['--rate-limit', '7'] },
    '$file: rateLimit is true; it must be false, or',
  ],
  [
    'a text instead of a group in a group',
    { file: { loadControl: { breaker: 'on' } } },
    '$file: loadControl.breaker is "on"; it must be true, false, or an object of its options',
  ],
  [
    'a rate without members',
    { file: { rateLimit: {} } },
    'rateLimit in $file is an object; it must be false, or',
  ],
  ['a hook', { file: { upgrade: 'x' } }, '$file: upgrade cannot be set in a file: only code can'],
  ['a logger', { file: { logger: {} } }, '$file: logger cannot be set in a file: only code can'],
  [
    'an option that needs an engine',
    { file: { requireEngine: true } },
    'requireEngine cannot be set in a file',
  ],
  ['a history', { file: { history: { match: '*' } } }, 'history cannot be set in a file: use --topics'],
  [
    'a memory budget of 0',
    { file: { memoryBudget: 0 } },
    '$file: memoryBudget is 0; it must be a whole number of bytes, 1 or more',
  ],
  [
    'a wrong port',
    { file: { port: '80' } },
    '$file: port is "80"; it must be a whole number from 0 to 65535',
  ],
  ['a wrong host', { file: { host: 5 } }, '$file: host is 5; it must be an address to listen on'],
  [
    'a certificate that is missing',
    { file: { tls: { certFile: '/none', keyFile: '/none' } } },
    '$file: tls.certFile cannot be read: ENOENT',
  ],
  [
    'options of the file that contradict each other',
    { file: { pingIntervalMs: 5_000 } },
    'pongTimeoutMs is 10000; it must be below pingIntervalMs in $file, which is 5000',
  ],
  [
    'options of two sources that contradict each other',
    { file: { pingIntervalMs: 5_000 }, flags: ['--pong-timeout-ms', '6000'] },
    '--pong-timeout-ms is 6000; it must be below pingIntervalMs in $file, which is 5000',
  ],
  [
    'an action of a rate without a rate, in the file',
    { file: { rateLimit: { action: 'throttle' } } },
    'rateLimit.action in $file needs a rate: rateLimit.messagesPerSecond, rateLimit.bytesPerSecond or both',
  ],
  [
    'a wrong variable',
    { variables: { HAWSER_MAX_CONNECTIONS: 'many' } },
    'HAWSER_MAX_CONNECTIONS is "many"; it must be a whole number from 1 to',
  ],
  [
    'a wrong variable of a boolean',
    { variables: { HAWSER_HEARTBEAT: 'on' } },
    'HAWSER_HEARTBEAT is "on"; it must be true or false',
  ],
  [
    'a misspelled variable',
    { variables: { HAWSER_MAX_CONECTIONS: '5' } },
    'there is no variable HAWSER_MAX_CONECTIONS; the nearest is HAWSER_MAX_CONNECTIONS',
  ],
  [
    'a group as a variable',
    { variables: { HAWSER_RATE_LIMIT: '5' } },
    'HAWSER_RATE_LIMIT is "5"; it must be false, or missing: its options have variables of their own',
  ],
  [
    'a word that is no switch of a group',
    { variables: { HAWSER_LOAD_CONTROL: 'on' } },
    'HAWSER_LOAD_CONTROL is "on"; it must be true, false, or missing: its options have variables',
  ],
  [
    'a port as a variable',
    { variables: { HAWSER_PORT: '9000' } },
    'there is no variable HAWSER_PORT: give --port, or port in the file of --config',
  ],
  [
    'a host as a variable',
    { variables: { HAWSER_HOST: '0.0.0.0' } },
    'there is no variable HAWSER_HOST: give --host, or host in the file of --config',
  ],
  [
    'an option that workers cannot have, with --print-config',
    { file: { admin: { port: 0, actions: true } }, flags: ['--workers', '2', '--print-config'] },
    'admin.actions in $file and --workers exclude each other',
  ],
  [
    'a variable and a flag that contradict each other',
    { variables: { HAWSER_PING_INTERVAL_MS: '5000' }, flags: ['--pong-timeout-ms', '6000'] },
    '--pong-timeout-ms is 6000; it must be below HAWSER_PING_INTERVAL_MS, which is 5000',
  ],
  [
    'a variable of the admin port without its port',
    { variables: { HAWSER_ADMIN_HOST: '0.0.0.0' } },
    'HAWSER_ADMIN_HOST needs a port: admin.port',
  ],
];

for (const [what, sources, sentence] of WRONG) {
  test(`CF-04 CM-01: ${what} is wrong usage, and one sentence names its source`, async (t) => {
    const { code, err, path } = await run(t, sources);
    assert.equal(code, 2, err.join('\n'));
    assert.equal(err.length, 1);
    assert.ok(err[0]!.includes(sentence.replaceAll('$file', path)), err[0]);
  });
}

test('CF-04: a file that does not exist causes exit 1', async () => {
  const io = fakeIo();
  assert.equal(await runCommandLine(['serve', '--config', '/none/hawser.json'], io, '0.0.0'), 1);
  assert.match(io.errLines[0] ?? '', /^hawser: --config: cannot read the file: ENOENT/);
});
