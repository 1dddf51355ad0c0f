import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { printed, run, type Sources } from './config-run.ts';

const FILE = { maxConnections: 1 };
const VARIABLES = { HAWSER_MAX_CONNECTIONS: '2' };
const FLAGS = ['--max-connections', '3'];
/** Which source wins. */
const PRECEDENCE: readonly (readonly [what: string, sources: Sources, options: object])[] = [
  ['no source', {}, {}],
  ['the file', { file: FILE }, { maxConnections: 1 }],
  ['a variable', { variables: VARIABLES }, { maxConnections: 2 }],
  ['a flag', { flags: FLAGS }, { maxConnections: 3 }],
  ['a variable over the file', { file: FILE, variables: VARIABLES }, { maxConnections: 2 }],
  ['a flag over the file', { file: FILE, flags: FLAGS }, { maxConnections: 3 }],
  ['a flag over a variable', { variables: VARIABLES, flags: FLAGS }, { maxConnections: 3 }],
  ['a flag over both', { file: FILE, variables: VARIABLES, flags: FLAGS }, { maxConnections: 3 }],
  [
    'each option by itself, also in groups',
    {
      file: { rateLimit: { messagesPerSecond: 1, action: 'throttle' }, maxTopics: 5 },
      variables: { HAWSER_RATE_LIMIT_BYTES_PER_SECOND: '10' },
      flags: ['--rate-limit', '7'],
    },
    { rateLimit: { messagesPerSecond: 7, action: 'throttle', bytesPerSecond: 10 }, maxTopics: 5 },
  ],
  [
    'a group that is off in the file and on by a flag',
    { file: { rateLimit: false }, flags: ['--rate-limit', '7'] },
    { rateLimit: { messagesPerSecond: 7 } },
  ],
  [
    'a group that a variable switches off',
    { file: { rateLimit: { messagesPerSecond: 1 } }, variables: { HAWSER_RATE_LIMIT: 'false' } },
    { rateLimit: false },
  ],
  [
    'compression that is on, with one of its options',
    { file: { perMessageDeflate: true }, variables: { HAWSER_PER_MESSAGE_DEFLATE_LEVEL: '6' } },
    { perMessageDeflate: { level: 6 } },
  ],
  ['a group without members, which is on', { file: { loadControl: {} } }, { loadControl: {} }],
  [
    'a group without members, with a member of a variable',
    { file: { loadControl: {} }, variables: { HAWSER_LOAD_CONTROL_SHED: 'false' } },
    { loadControl: { shed: false } },
  ],
  [
    'a group without members in a group',
    { file: { loadControl: { breaker: {} } } },
    { loadControl: { breaker: {} } },
  ],
  [
    'a group that is off in the file and on by a variable',
    { file: { loadControl: { breaker: false } }, variables: { HAWSER_LOAD_CONTROL_BREAKER: 'true' } },
    { loadControl: { breaker: true } },
  ],
  [
    'violations: the file, a variable and a flag together',
    {
      file: { violationLimit: { perMinute: 1, refuseMs: 5 } },
      variables: { HAWSER_VIOLATION_LIMIT_PER_MINUTE: '2' },
      flags: ['--violation-limit', '3'],
    },
    { violationLimit: { perMinute: 3, refuseMs: 5 } },
  ],
  ['an empty variable, which sets nothing', { variables: { HAWSER_MAX_CONNECTIONS: '' }, file: FILE }, FILE],
];

for (const [what, sources, options] of PRECEDENCE) {
  test(`CF-04: ${what}`, async (t) => {
    assert.deepEqual(await printed(t, sources), options);
  });
}

test('CF-04 LC-01: a file sets groups inside groups, and a variable wins over one member of them', async (t) => {
  const file = JSON.stringify({ loadControl: { cpuRatio: [0.4, 0.5], breaker: { trials: 2, openMs: 100 } } });
  const variables = { HAWSER_LOAD_CONTROL_BREAKER_TRIALS: '3', HAWSER_SOFT_LIMIT_RATIO: '0.9' };
  assert.deepEqual(await printed(t, { file, variables }), {
    loadControl: { cpuRatio: [0.4, 0.5], breaker: { trials: 3, openMs: 100 } },
    softLimitRatio: 0.9,
  });
  const off = { HAWSER_LOAD_CONTROL_BREAKER: 'false' };
  assert.deepEqual(await printed(t, { file, variables: off }), {
    loadControl: { cpuRatio: [0.4, 0.5], breaker: false },
  });
  assert.deepEqual(await printed(t, { variables: { HAWSER_LOAD_CONTROL: 'true' } }), { loadControl: true });
});

test('CF-04: port and host of the file count unless a flag names them', async (t) => {
  const file = { port: 1234, host: '0.0.0.0' };
  for (const [flags, address] of [
    [[], { port: 1234, host: '0.0.0.0' }],
    [['--port', '5'], { port: 5, host: '0.0.0.0' }],
    [['--host', '127.0.0.1'], { port: 1234, host: '127.0.0.1' }],
  ] as const) {
    const { out } = await run(t, { file, flags: [...flags, '--print-config'] });
    assert.deepEqual(JSON.parse(out), address);
  }
  const { out } = await run(t, { flags: ['--print-config'] });
  assert.deepEqual(JSON.parse(out), { port: 8080, host: '127.0.0.1' });
});

test('CF-04: --print-config shows no secret, and what it prints is a file for --config', async (t) => {
  const file = {
    port: 0,
    host: '127.0.0.1',
    admin: { port: 9, token: 'a-secret-of-some-length' },
    allowedOrigins: ['https://a.example'],
    memoryBudget: 1_000_000,
  };
  const { out } = await run(t, { file, flags: ['--print-config'] });
  assert.ok(!out.includes('a-secret'));
  assert.deepEqual(JSON.parse(out), { ...file, admin: { port: 9, token: '(secret)' } });
});

test('CF-04 TL-04: --print-config shows neither the key of a certificate nor its passphrase', async (t) => {
  const { cert, key } = selfSigned(['127.0.0.1'], Date.now());
  const { tls } = (await printed(t, { file: { tls: { cert, key, passphrase: 'unused' } } })) as {
    readonly tls: object;
  };
  assert.deepEqual(tls, { cert, key: '(secret)', passphrase: '(secret)' });
});

test('CF-04: what --print-config shows of variables and flags is a file with the same meaning', async (t) => {
  const variables = {
    HAWSER_MAX_CONNECTIONS: '7',
    HAWSER_HEARTBEAT: 'false',
    HAWSER_ALLOWED_ORIGINS: 'https://a.example, https://b.example',
    HAWSER_TRUST_PROXY: '2',
    HAWSER_IDLE_TIMEOUT_MS: 'off',
    HAWSER_MEMORY_BUDGET: '1000000',
    HAWSER_ENDPOINTS_READY: 'false',
    HAWSER_METRICS: 'true',
  };
  const flags = ['--rate-limit', '5', '--allowed-host', 'a.example', '--compress'];
  const first = await printed(t, { variables, flags });
  assert.deepEqual(first, {
    maxConnections: 7,
    heartbeat: false,
    allowedOrigins: ['https://a.example', 'https://b.example'],
    trustProxy: 2,
    idleTimeoutMs: false,
    memoryBudget: 1_000_000,
    endpoints: { ready: false },
    metrics: true,
    rateLimit: { messagesPerSecond: 5 },
    allowedHosts: ['a.example'],
    perMessageDeflate: true,
  });
  assert.deepEqual(await printed(t, { file: first }), first);
});
