import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { runCommandLine } from '../../src/cli/commands.ts';
import { describeServerOptions, type OptionDescription } from '../../src/index.ts';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { RawClient, text, waitForEvent } from '../../src/testing/index.ts';
import { closeCode } from '../server/live.ts';
import { fakeIo, served } from './fake-io.ts';

/** A file that exists until the test ends. */
function fileOf(t: TestContext, name: string, content: unknown) {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  const write = (next: unknown): void =>
    writeFileSync(path, typeof next === 'string' ? next : JSON.stringify(next));
  write(content);
  return { path, write, folder };
}

interface Sources {
  readonly file?: unknown;
  readonly variables?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
}

/** Runs `hawser serve` with these sources. `$file` in a flag is the path of the file. */
async function run(t: TestContext, { file, variables = {}, flags = [] }: Sources) {
  const io = fakeIo();
  for (const [name, value] of Object.entries(variables)) io.variables.set(name, value);
  const path = file === undefined ? '' : fileOf(t, 'hawser.json', file).path;
  const args = ['serve', ...(path === '' ? [] : ['--config', path]), ...flags];
  const code = await runCommandLine(args, io, '0.0.0');
  return { code, path, out: io.outLines.join('\n'), err: io.errLines };
}

/** What `--print-config` shows, without the address. */
async function printed(t: TestContext, sources: Sources): Promise<unknown> {
  const { code, out, err } = await run(t, {
    ...sources,
    flags: [...(sources.flags ?? []), '--print-config'],
  });
  assert.equal(code, 0, err.join('\n'));
  const { port: _port, host: _host, ...options } = JSON.parse(out) as Record<string, unknown>;
  return options;
}

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
  ['an empty variable, which sets nothing', { variables: { HAWSER_MAX_CONNECTIONS: '' }, file: FILE }, FILE],
];

for (const [what, sources, options] of PRECEDENCE) {
  test(`CF-04: ${what}`, async (t) => {
    assert.deepEqual(await printed(t, sources), options);
  });
}

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
    'rateLimit in $file is 5; it must be false, or',
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
    '$file: memoryBudget is 0; it must be a MemoryBudget',
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
    "HAWSER_RATE_LIMIT is '5'; it must be false, and its options have variables of their own",
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

test('CF-04: a file that does not exist causes exit 1', async () => {
  const io = fakeIo();
  assert.equal(await runCommandLine(['serve', '--config', '/none/hawser.json'], io, '0.0.0'), 1);
  assert.match(io.errLines[0] ?? '', /^hawser: --config: cannot read the file: ENOENT/);
});

test('CF-04: variables of other programs, and those of Kubernetes for a service called hawser, set nothing', async (t) => {
  const variables = {
    HAWSER_SERVICE_HOST: '10.0.0.1',
    HAWSER_SERVICE_PORT_HTTP: '8080',
    HAWSER_PORT: 'tcp://10.0.0.1:8080',
    HAWSER_PORT_8080_TCP_ADDR: '10.0.0.1',
    HAWSER_ADMIN_PORT: 'tcp://10.0.0.1:9090',
    HAWSER_REQUIRE_PEERS: '1',
    HAWSER_WORKER: 'x',
    PATH: '/bin',
  };
  assert.deepEqual(await printed(t, { variables }), {});
});

/** A valid text for a variable of each kind. */
const TEXTS: Readonly<Record<string, string>> = {
  boolean: 'true',
  path: '/x',
  budget: '1000000',
  levels: '0.4,0.5',
  text: 'x',
  secret: 'a-secret-of-some-length',
  endpoint: '/x',
  token: 'a, b',
  origin: 'https://a.example,https://b.example',
  host: 'a.example',
  address: '10.0.0.1,10.0.0.2',
};

test('CF-04 CM-04: each option that a flag can set has a variable of the same name', async (t) => {
  const has = async (
    path: string,
    kind: string,
    rule: { readonly [key: string]: unknown },
  ): Promise<void> => {
    const name = `HAWSER_${path
      .replaceAll('.', '_')
      .replace(/[A-Z]/g, (letter) => `_${letter}`)
      .toUpperCase()}`;
    const value =
      TEXTS[kind === 'list' ? (rule['members'] as string) : kind] ??
      (kind === 'enum' ? (rule['values'] as string[])[0] : String(rule['default'] || rule['min']));
    const { code, err, out } = await run(t, {
      variables: {
        ...(path.startsWith('admin.')
          ? { HAWSER_ADMIN_PORT: '1', HAWSER_ADMIN_TOKEN: 'a-secret-of-some-length' }
          : {}),
        ...(path.startsWith('rateLimit.')
          ? { HAWSER_RATE_LIMIT_MESSAGES_PER_SECOND: '9', HAWSER_RATE_LIMIT_BYTES_PER_SECOND: '9' }
          : {}),
        ...(path.startsWith('violationLimit.') ? { HAWSER_VIOLATION_LIMIT_PER_MINUTE: '9' } : {}),
        [name]: value!,
      },
      flags: ['--print-config'],
    });
    assert.equal(code, 0, `${name}: ${err.join('\n')}`);
    let shown = JSON.parse(out) as unknown;
    for (const member of path.split('.')) shown = Reflect.get(shown as object, member);
    assert.notEqual(shown, undefined, name);
  };
  const all = async (options: Readonly<Record<string, OptionDescription>>, prefix: string): Promise<void> => {
    for (const [name, rule] of Object.entries(options)) {
      const path = prefix + name;
      if (
        ['function', 'object', 'tls', 'history', 'presence'].includes(rule.kind) ||
        path === 'requireEngine'
      )
        continue;
      if (rule.kind === 'group') await all(rule.options ?? {}, `${path}.`);
      else await has(path, rule.kind, { ...rule });
    }
  };
  await all(describeServerOptions(), '');
});

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

const joined = async (port: number): Promise<RawClient> => {
  const client = await RawClient.connect({ port });
  assert.equal((await client.upgrade()).status, 101);
  return client;
};

test('CF-04 CF-03: SIGHUP applies what has changed in the file to open connections, and logs it', async (t) => {
  const { path, write } = fileOf(t, 'hawser.json', { port: 0, maxMessageBytes: 1_000 });
  const server = await served('--config', path, '--max-connections', '9');
  t.after(() => server.stop());
  const client = await joined(server.port);
  write({ port: 0, maxMessageBytes: 10, maxConnections: 1 });
  server.io.hangUp();
  const lines = server.io.errLines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.at(-1)?.['options'],
    ['maxMessageBytes', 'maxFrameBytes'],
    'the flag stays in force',
  );
  client.send(text('12345678901'));
  assert.equal(await closeCode(client), 1009);
  client[Symbol.dispose]();
  server.io.hangUp();
  assert.match(server.io.errLines.at(-1) ?? '', /"configuration read again: nothing has changed"/);
  write({ port: 0 });
  server.io.hangUp();
  const other = await joined(server.port);
  other.send(text('12345678901'));
  assert.equal(
    (await other.nextFrame()).payload.toString(),
    '12345678901',
    'a removed option has its default',
  );
  other[Symbol.dispose]();
});

for (const { what, next, flags = [], says } of [
  {
    what: 'a value is wrong',
    next: { maxTopics: 5, maxConnections: 0 },
    says: /maxConnections is 0; it must/,
  },
  { what: 'the file is broken', next: '{', says: /this is not JSON/ },
  {
    what: 'an option has changed that cannot change',
    next: { maxTopics: 5, perMessageDeflate: true },
    says: /perMessageDeflate cannot change while the server runs: start a second server/,
  },
  {
    what: 'the address has changed',
    next: { maxTopics: 5, host: '0.0.0.0' },
    says: /port and host cannot change/,
  },
  {
    what: 'the size of a body has changed with --topics',
    next: { maxTopics: 5, maxRequestBodyBytes: 50 },
    flags: ['--topics'],
    says: /maxRequestBodyBytes cannot change/,
  },
  {
    what: 'messages may be larger with --topics',
    next: { maxTopics: 5, maxMessageBytes: 5_000_000 },
    flags: ['--topics'],
    says: /maxMessageBytes is 5000000; it must be at most 1048576, its first value/,
  },
]) {
  test(`CF-04 CF-03: after SIGHUP nothing has changed if ${what}, and the log says why`, async (t) => {
    const { path, write } = fileOf(t, 'hawser.json', { maxTopics: 7 });
    const server = await served('--config', path, ...flags);
    t.after(() => server.stop());
    write(next);
    server.io.hangUp();
    assert.equal(server.io.errLines.filter((line) => line.includes('"configured"')).length, 0);
    const last = server.io.errLines.at(-1) ?? '';
    assert.match(last, /"configuration not changed, the server keeps the old one"/);
    assert.match(last, says);
    write({ maxTopics: 5 });
    server.io.hangUp();
    assert.match(server.io.errLines.at(-1) ?? '', /"text":"configured","options":\["maxTopics"\]/);
  });
}

test('CF-04 TL-04: the file may name a certificate, and the server follows it', async (t) => {
  const certificate = selfSigned(['127.0.0.1'], Date.now());
  const { path, write, folder } = fileOf(t, 'hawser.json', {});
  const [certFile, keyFile] = [join(folder, 'a.crt'), join(folder, 'a.key')];
  writeFileSync(certFile, certificate.cert);
  writeFileSync(keyFile, certificate.key);
  write({ tls: { certFile, keyFile, watch: true } });
  const server = await served('--config', path);
  t.after(() => server.stop());
  assert.equal(server.url.protocol, 'wss:');
  const socket = connect({ port: server.port, host: '127.0.0.1', ca: certificate.cert });
  await waitForEvent(socket, 'secureConnect');
  socket.destroy();
});
