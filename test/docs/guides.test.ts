import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type CloseCause, DEFAULT_SERVER_OPTIONS, ERRORS } from '../../src/index.ts';
import { SERVER_OPTION_TABLE } from '../../src/options/server-option-table.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const DOCS = join(ROOT, 'docs');
const pages = readdirSync(DOCS).filter((name) => name.endsWith('.md'));
const read = (name: string): string => readFileSync(join(DOCS, name), 'utf8');

/** Every close cause: the compiler reports a missing one. */
const CAUSES: Readonly<Record<CloseCause, true>> = {
  'peer-close': true,
  'local-close': true,
  'close-timeout': true,
  terminated: true,
  'transport-end': true,
  'transport-error': true,
  'protocol-error': true,
  'invalid-utf8': true,
  'message-too-big': true,
  'too-many-fragments': true,
  'message-timeout': true,
  'ping-timeout': true,
  'idle-timeout': true,
  'write-timeout': true,
  'rate-limit': true,
  'slow-consumer': true,
  'load-shed': true,
  'memory-cap': true,
  'handler-error': true,
  'payload-detached': true,
  expired: true,
  lifetime: true,
  shutdown: true,
  'internal-error': true,
};

for (const name of pages) {
  test(`EX-03: links in docs/${name} have targets, and every error code that it names exists`, () => {
    const page = read(name);
    for (const [, target = ''] of page.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
      assert.ok(existsSync(join(dirname(join(DOCS, name)), target)), `${name} links to ${target}`);
    for (const [code] of page.matchAll(/\bERR_[A-Z0-9_]+\b/g))
      assert.ok(code === 'ERR_TLS' || Object.hasOwn(ERRORS, code), code);
  });
}

test('EX-03: the index of the documentation lists every page', () => {
  const index = read('README.md');
  for (const name of pages) assert.ok(name === 'README.md' || index.includes(`(${name})`), name);
});

test('EX-03 CF-02: docs/limits.md lists every limit of the server with its default', () => {
  const rows = new Map(
    [...read('limits.md').matchAll(/^\| `(\w+)` \| (\S+) \|/gm)].map(([, name, value]) => [name!, value!]),
  );
  const limits = Object.keys(SERVER_OPTION_TABLE).filter((name) =>
    /^max(?!ConcurrentMessages|MissedPongs)|TimeoutMs$|Bytes$|^(?:rate|violation)Limit$/.test(name),
  );
  for (const name of limits) {
    const value: unknown = Reflect.get(DEFAULT_SERVER_OPTIONS, name);
    const shown = typeof value === 'number' ? value.toLocaleString('en-US') : `\`${String(value)}\``;
    assert.equal(rows.get(name), shown, name);
  }
  assert.deepEqual([...rows.keys()].sort(), limits.sort());
});

test('CL-12 EX-03: docs/close-codes.md lists every cause', () => {
  const page = read('close-codes.md');
  for (const cause of Object.keys(CAUSES)) assert.ok(page.includes(`\`${cause}\``), cause);
});

/** Statements that requirements demand of the guides. */
const SAYS: readonly (readonly [row: string, page: string, ...what: RegExp[]])[] = [
  ['OR-06', 'security.md', /cross-site WebSocket hijacking/i, /CORS does not apply/, /not browsers/],
  [
    'AU-06',
    'authentication.md',
    /Cookies/,
    /bearer/i,
    /ticket/,
    /subprotocol/,
    /Each message/,
    /cannot set headers/,
  ],
  ['LG-02', 'operations.md', /30 to 90 days/, /7 to 30 days/, /one to two years/],
  ['LG-08', 'troubleshooting.md', /handshake/, /Frames/, /Back-pressure/, /Proxies/, /not pings and pongs/],
  ['RT-04', 'operations.md', /headersTimeout/],
  ['HB-01', 'operations.md', /Below 10 s/],
  ['HS-10', 'security.md', /SHA-1/, /§4\.2\.2/],
  ['MK-04', 'security.md', /masking hides nothing/],
  ['RL-01', 'limits.md', /messagesPerSecond: 100/, /1_048_576/],
];
for (const [row, page, ...what] of SAYS) {
  test(`${row}: docs/${page} contains the required statements`, () => {
    for (const each of what) assert.match(read(page), each);
  });
}
