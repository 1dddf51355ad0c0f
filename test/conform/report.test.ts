import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { casesFor, selected } from '../../src/conform/cases/all.ts';
import { GROUPS, groupOf } from '../../src/conform/case.ts';
import { htmlReport } from '../../src/conform/report-html.ts';
import { junitReport } from '../../src/conform/report-junit.ts';
import { counted, type Report } from '../../src/conform/result.ts';
import { isLocal } from '../../src/conform/target.ts';
import { WebSocketServer } from '../../src/index.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { referenceServer } from './reference-server.ts';

test('CM-09: each case has a unique ID in a group, a section, a title and at least one run', () => {
  for (const tested of ['server', 'client'] as const) {
    const cases = casesFor(tested);
    assert.equal(new Set(cases.map(({ id }) => id)).size, cases.length);
    for (const { id, section, title, runs } of cases) {
      assert.match(id, /^[a-z0-9]+(?:\.[a-z0-9-]+)+$/);
      assert.ok(groupOf(id) in GROUPS, id);
      assert.match(section, /^(?:RFC \d{4} )?§\d/, id);
      assert.ok(title.length > 10 && runs.length > 0, id);
      const labels = runs.map(({ label }) => label ?? '');
      assert.equal(new Set(labels).size, labels.length, `${id}: ${labels.join(' | ')}`);
    }
    assert.deepEqual(new Set(cases.map(({ id }) => groupOf(id))), new Set(Object.keys(GROUPS)));
  }
});

test('CM-09: --only takes IDs, groups and globs', () => {
  const cases = casesFor('server');
  const ids = (...patterns: string[]): string[] => selected(cases, patterns).cases.map(({ id }) => id);
  assert.deepEqual(ids('close.empty'), ['close.empty']);
  assert.deepEqual(
    ids('masking'),
    cases.map(({ id }) => id).filter((id) => id.startsWith('masking.')),
  );
  assert.deepEqual(ids('framing.rsv.?'), []);
  assert.deepEqual(ids('close.code.300*', 'close.empty'), [
    'close.empty',
    'close.code.3000',
    'close.code.3001',
  ]);
  assert.deepEqual(selected(cases, ['nothing', 'utf8']).unknown, ['nothing']);
  assert.equal(ids().length, cases.length);
});

const isWellFormed = (text: string): boolean => Buffer.from(text, 'utf8').toString('utf8') === text;
/** Text of a peer that tries to inject markup and control characters. */
const EVIL = '</script><img src=x onerror=alert(1)>"\' & \u0000\u001b[31m \ud800 ]]>';
const REPORT: Report = {
  tool: EVIL,
  tested: 'server',
  target: EVIL,
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 1_234,
  echoes: true,
  remarks: [EVIL],
  counts: counted([{ verdict: 'fail' }]),
  cases: [
    {
      id: 'framing.text',
      group: 'framing',
      title: EVIL,
      section: EVIL,
      label: EVIL,
      verdict: 'fail',
      expected: EVIL,
      seen: EVIL,
      because: EVIL,
      runs: 2,
      notPassed: 1,
      transcript: [{ from: 'peer', says: EVIL, hex: '00ff', bytes: 3 }],
    },
  ],
};

test('CM-09 CM-02: text of a peer is escaped in the page and in JUnit', () => {
  const page = htmlReport(REPORT);
  assert.equal(page.match(/<script/g)?.length, 1);
  assert.ok(!page.includes('<img') && !page.includes('\0') && isWellFormed(page));
  assert.ok(
    !/(?:src|href)=|https?:|url\(|@import/.test(page.replaceAll(/&#?\w+;|src=x/g, '')),
    'no external resources',
  );
  const junit = junitReport(REPORT);
  assert.ok(!junit.includes('<img') && !junit.includes('\u001b') && isWellFormed(junit));
  assert.match(junit, /<testsuites [^>]*tests="1" failures="1"/);
});

test('CM-09: the ending of a report name selects its format, and the exit code follows the verdicts', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-conform-'));
  t.after(() => rmSync(folder, { recursive: true }));
  await using server = await referenceServer('no-pong');
  const files = ['report.json', 'report.xml', 'report.html'].map((name) => join(folder, name));
  const io = fakeIo();
  const args = ['conform', server.url, '--only', 'control.ping,framing.text', '--timeout-ms', '500'];
  assert.equal(
    await runCommandLine([...args, ...files.flatMap((file) => ['--report', file])], io, '0.0.0'),
    3,
  );
  const [data, junit, page] = files.map((file) => readFileSync(file, 'utf8'));
  const report = JSON.parse(data!) as Report;
  const failed = report.cases.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id);
  assert.ok(failed.includes('control.ping') && !failed.includes('framing.text'));
  assert.equal(report.counts.fail, failed.length);
  assert.match(junit!, /<failure type="fail" message="[^"]*waited 500 ms for pong/);
  assert.match(page!, /data-verdict="fail"/);
  assert.match(io.outLines.join('\n'), /^fail: control\.ping \(§5\.5\.2\)/m);
  assert.match(io.errLines.join('\n'), /The server sends messages back, as an echo server does/);
});

test('CM-09: for a server without an echo the other cases run, and a remark says so', async (t) => {
  const server = new WebSocketServer();
  server.on('message', () => undefined);
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown({ timeoutMs: 2_000 }));
  const io = fakeIo();
  const only = 'framing.text,framing.rsv.1,control.ping,close.answer';
  const exit = await runCommandLine(
    ['conform', `ws://127.0.0.1:${port}/`, '--only', only, '--timeout-ms', '2000'],
    io,
    '0.0.0',
  );
  assert.equal(exit, 0, io.outLines.join('\n'));
  assert.match(
    io.errLines.join('\n'),
    /The server does not send messages back: cases that need an echo are skipped/,
  );
  assert.match(io.outLines.join('\n'), /skipped: needs an echo[^\n]*framing\.text/);
});

test('CM-09: a closed port, or a server without WebSocket, causes exit 1 and one sentence', async (t) => {
  const server = new WebSocketServer({ path: '/elsewhere' });
  const { port } = await server.listen(0, '127.0.0.1');
  const said = async (url: string): Promise<string> => {
    const io = fakeIo();
    assert.equal(await runCommandLine(['conform', url, '--timeout-ms', '2000'], io, '0.0.0'), 1);
    return io.errLines.join('\n');
  };
  assert.match(await said(`ws://127.0.0.1:${port}/`), /^hawser: cannot test .*404 Not Found instead of 101/m);
  await server.shutdown({ timeoutMs: 1_000 });
  assert.match(
    await said(`ws://127.0.0.1:${port}/`),
    /^hawser: cannot test .* refuses connections: .*\(ECONNREFUSED\)$/m,
  );
  t.diagnostic('both ports were ours');
});

test('CM-09: attacks on another machine need --yes', () => {
  for (const url of [
    'ws://localhost/',
    'ws://a.localhost:1/',
    'ws://127.0.0.1/',
    'wss://127.1.2.3/',
    'ws://[::1]:9/',
  ]) {
    assert.ok(isLocal(new URL(url)), url);
  }
  for (const url of [
    'ws://example/',
    'ws://10.0.0.1/',
    'ws://localhost.example/',
    'ws://128.0.0.1/',
    'ws://[::2]/',
    'ws://127.0.0.1.example/',
  ]) {
    assert.ok(!isLocal(new URL(url)), url);
  }
});

/** Wrong command lines, and a part of the error for each. */
const WRONG: readonly (readonly [args: readonly string[], sentence: string])[] = [
  [[], 'a URL is missing: hawser conform <url>, or hawser conform --listen for a client'],
  [['http://a/'], "'http://a/' is not the URL of a WebSocket server"],
  [['ws://a/#b'], 'is not the URL of a WebSocket server'],
  [['ws://a/', 'ws://b/'], "unexpected argument 'ws://b/'"],
  [['ws://a/', '--only', 'nothing'], "--only matches no case: 'nothing'"],
  [['ws://a/', '--report', 'a.pdf'], "--report is 'a.pdf'; its name must end in .json, .xml or .html"],
  [['ws://a/', '--concurrency', '0'], "--concurrency is '0'"],
  [['ws://a/', '--timeout-ms', '1'], "--timeout-ms is '1'"],
  [['ws://a/', '-H', 'no colon'], "--header is 'no colon'"],
  [['--listen', 'x'], "--listen takes a port from 0 to 65535, not 'x'"],
];
for (const [args, sentence] of WRONG) {
  test(`CM-01 CM-09: 'hawser conform ${args.join(' ')}' is wrong usage`, async () => {
    const io = fakeIo();
    assert.equal(await runCommandLine(['conform', ...args], io, '0.0.0'), 2);
    assert.ok(io.errLines.length === 1 && io.errLines[0]!.includes(sentence), io.errLines.join('\n'));
  });
}

test('CM-01 CM-09: --help has examples, --list has every case', async () => {
  const io = fakeIo();
  assert.equal(await runCommandLine(['conform', '--help'], io, '0.0.0'), 0);
  assert.match(io.outLines.join('\n'), /Usage: hawser conform <url>[^]*Examples:[^]*--listen 9001/);
  const list = fakeIo();
  assert.equal(await runCommandLine(['conform', '--list'], list, '0.0.0'), 0);
  assert.equal(list.outLines.length, casesFor('server').length);
});
