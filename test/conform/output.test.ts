import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { test, type TestContext } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { textOutput } from '../../src/cli/conform/output.ts';
import { htmlReport } from '../../src/conform/report-html.ts';
import { junitReport } from '../../src/conform/report-junit.ts';
import { type CaseResult, counted, type Report } from '../../src/conform/result.ts';
import type { Verdict } from '../../src/conform/model.ts';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { WebSocketServer } from '../../src/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { accepting, scriptedServer } from '../client/live.ts';
import { fakeIo } from '../cli/fake-io.ts';

const result = (verdict: Verdict, more: Partial<CaseResult> = {}): CaseResult => ({
  id: `framing.${verdict}`,
  group: 'framing',
  title: 'a title',
  section: '§5.2',
  label: '',
  verdict,
  expected: 'one thing',
  seen: 'another',
  because: verdict === 'pass' ? '' : 'it is so',
  runs: 1,
  notPassed: verdict === 'pass' ? 0 : 1,
  transcript: [],
  ...more,
});
const report = (...cases: CaseResult[]): Report => ({
  tool: 'hawser',
  tested: 'server',
  target: 'ws://x/',
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 1_000,
  echoes: true,
  remarks: [],
  counts: counted(cases),
  cases,
});

test('SE-33 SE-34: output and reports contain no secrets of the command line and no raw control characters', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = ['r.json', 'r.html', 'r.xml'].map((name) => join(folder, name));
  const C1 = '\u009b31m';
  const { url } = await scriptedServer(t, (socket, request) => {
    const answer = accepting(request, `Sec-WebSocket-Extensions: ${C1}\r\n`).replace(
      'Switching Protocols',
      C1,
    );
    socket.end(Buffer.from(answer, 'latin1'));
  });
  const io = fakeIo();
  const flags = [
    '-H',
    'Cookie: session=s3cret',
    '--auth',
    'anna:s3cret',
    '--only',
    'handshake',
    '--timeout-ms',
    '200',
  ];
  const reports = files.flatMap((file) => ['--report', file]);
  const exit = await runCommandLine(['conform', `${url}?token=s3cret`, ...flags, ...reports], io, '0.0.0');
  assert.equal(exit, 3);
  const written = files.map((file) => readFileSync(file, 'utf8'));
  for (const text of [...io.outLines, ...io.errLines, ...written]) {
    assert.ok(!text.includes('s3cret') && !text.includes(Buffer.from('s3cret').toString('hex')));
    assert.ok(!text.includes(Buffer.from('anna:s3cret').toString('base64')));
    assert.ok(!text.includes('\u009b'));
  }
  assert.ok(written[0]!.includes('GET /?*** HTTP/1.1'), 'the transcript shows the request');
});

test('SE-34: an error that quotes a peer is printed without control characters', async (t) => {
  const { url } = await scriptedServer(t, (socket) => socket.end(Buffer.from('\u009b31m\r\n\r\n', 'latin1')));
  const io = fakeIo();
  assert.equal(await runCommandLine(['conform', url, '--debug'], io, '0.0.0'), 1);
  const printed = io.errLines.join('\n');
  assert.match(printed, /u\{9b\}31m/);
  assert.ok(!printed.includes('\u009b'));
});

/** Verdicts, and the outcome at the top of the page. */
const OUTCOMES: readonly (readonly [verdicts: readonly Verdict[], says: string])[] = [
  [['pass', 'informational', 'skipped'], '<p class="outcome pass">No case fails or is non-strict</p>'],
  [['pass', 'non-strict'], '<p class="outcome non-strict">No case fails</p>'],
  [['fail', 'non-strict', 'pass'], '<p class="outcome fail">1 of 3 cases fail</p>'],
];
for (const [verdicts, says] of OUTCOMES) {
  test(`CM-09: the outcome on the page for ${verdicts.join(', ')}`, () => {
    const page = htmlReport(report(...verdicts.map((verdict) => result(verdict))));
    assert.ok(page.includes(says));
    for (const verdict of verdicts) assert.ok(page.includes(`data-verdict="${verdict}"`));
  });
}

test('CM-09: the page shows the number of runs of a case, and the length of cut bytes', () => {
  const transcript = [{ from: 'us', says: 'text', hex: '8100', bytes: 70 }] as const;
  const page = htmlReport(
    report(
      result('pass', { runs: 4 }),
      result('fail', { runs: 4, notPassed: 3, label: 'the second', transcript: [...transcript] }),
    ),
  );
  assert.ok(page.includes('<dd>4 runs</dd>') && page.includes('<dd>3 of 4 runs</dd>'));
  assert.ok(page.includes('<dt>Run shown</dt><dd>the second</dd>'));
  assert.ok(page.includes('<code>81 00 … 70 bytes</code>'));
});

test('CM-09: JUnit has failures and skipped cases; the output of other verdicts has the reason', () => {
  const all = (['pass', 'fail', 'skipped', 'non-strict'] as const).map((verdict) =>
    result(verdict, verdict === 'non-strict' ? { label: 'cut & joined' } : {}),
  );
  const junit = junitReport(report(...all));
  assert.match(junit, /<testsuite name="Framing" tests="4" failures="1" skipped="1">/);
  assert.match(junit, /name="framing\.pass: [^"]*"\/>/);
  assert.match(junit, /<failure type="fail" message="it is so">expected: one thing\nseen: another</);
  assert.match(junit, /<skipped message="it is so"\/>/);
  assert.match(junit, /<system-out>non-strict: it is so \[cut &amp; joined\]\n/);
});

test('CM-09: a terminal shows failures at once, in colour, and the progress', () => {
  const io = fakeIo(true);
  const output = textOutput(io);
  const verdicts = ['pass', 'fail', 'non-strict', 'informational'] as const;
  for (const [at, verdict] of verdicts.entries())
    output.caseDone(result(verdict), { done: at + 1, total: verdicts.length });
  assert.deepEqual(io.errLines, [
    '  \u001b[31mfail\u001b[0m framing.fail: it is so',
    '  \u001b[33mnon-strict\u001b[0m framing.non-strict: it is so',
  ]);
  assert.deepEqual(io.statusLines, ['  1 of 4 cases', '', '  2 of 4 cases', '', '  3 of 4 cases', '']);
  const plain = fakeIo(true);
  textOutput({ ...plain, errHasColours: false }).caseDone(result('fail'), { done: 1, total: 1 });
  assert.deepEqual(plain.errLines, ['  fail framing.fail: it is so']);
});

test('CM-09: cases with the same reason share one line, which names the first ones', () => {
  const io = fakeIo();
  const many = Array.from({ length: 9 }, (_, i) => result('skipped', { id: `framing.${i}` }));
  textOutput(io).end(report(...many), ['a\u0007.json']);
  assert.equal(
    io.outLines[0],
    'skipped: it is so: framing.0, framing.1, framing.2, framing.3, framing.4 and 4 more',
  );
  assert.equal(io.outLines.at(-1), 'Report: a\\u{7}.json');
});

test('CM-02 CM-09: --list --json prints each case as an object', async () => {
  const io = fakeIo();
  assert.equal(
    await runCommandLine(['conform', '--list', '--json', '--only', 'close.empty'], io, '0.0.0'),
    0,
  );
  const [line, ...others] = io.outLines.map((one) => JSON.parse(one) as Record<string, unknown>);
  assert.deepEqual(others, []);
  const { event, id, group, runs } = line!;
  assert.deepEqual([event, id, group, runs], ['case', 'close.empty', 'close', 2]);
});

async function echoServer(t: TestContext, tls?: { readonly cert: string; readonly key: string }) {
  const server = new WebSocketServer({ protocols: ['chat'], ...(tls === undefined ? {} : { tls }) });
  server.on('message', (connection, message) => connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown({ timeoutMs: 2_000 }));
  return port;
}
const ONE = ['--only', 'framing.text', '--timeout-ms', '20000'];

test('CM-01 CM-09: a report that cannot be written causes exit 1 and one sentence', async (t) => {
  const port = await echoServer(t);
  const io = fakeIo();
  const file = join(tmpdir(), 'hawser-no-such-folder', 'a.json');
  assert.equal(
    await runCommandLine(['conform', `ws://127.0.0.1:${port}`, ...ONE, '--report', file], io, '0.0.0'),
    1,
  );
  assert.match(io.errLines.at(-1)!, /^hawser: --report: cannot write the file: ENOENT/);
});

test('CM-03 CM-09: TLS by name and by address uses --ca, --insecure, --protocol and --origin', async (t) => {
  const port = await echoServer(t, selfSigned(['localhost', '127.0.0.1'], Date.now()));
  const attempt = async (host: string, ...flags: string[]): Promise<[number, string]> => {
    const io = fakeIo();
    const code = await runCommandLine(['conform', `wss://${host}:${port}/`, ...ONE, ...flags], io, '0.0.0');
    return [code, io.errLines.join('\n')];
  };
  for (const host of ['localhost', '127.0.0.1']) {
    const [code, said] = await attempt(
      host,
      '--insecure',
      '--protocol',
      'chat',
      '--origin',
      `https://${host}:${port}`,
    );
    assert.equal(code, 0, said);
  }
  const [code, said] = await attempt('127.0.0.1');
  assert.equal(code, 1);
  assert.match(said, /cannot test wss:[^\n]*self.signed/i);
});

/** Servers with a fault in the first connection, and the remark about each. */
const ODD: readonly (readonly [
  what: string,
  answer: (socket: Socket, request: string) => void,
  says: RegExp,
])[] = [
  [
    'sends an invalid response head',
    (socket, request) => socket.end(accepting(request).replace('Upgrade: websocket', 'Upgrade: other')),
    /The handshake is invalid: the response lacks Upgrade: websocket/,
  ],
  [
    'breaks a rule at once',
    (socket, request) => {
      socket.write(accepting(request));
      socket.end(Buffer.of(0xf1, 0));
    },
    /The server breaks a rule in its answer: the peer set a reserved bit/,
  ],
  [
    'greets',
    (socket, request) => {
      socket.write(accepting(request));
      socket.end(Buffer.concat(Array.from({ length: 22 }, () => Buffer.of(0x81, 2, 0x68, 0x69))));
    },
    /The server sends unsolicited messages: cases that need an echo are skipped/,
  ],
];
for (const [what, answer, says] of ODD) {
  test(`CM-09: a server that ${what} gets a remark, and the suite continues`, async (t) => {
    const { url } = await scriptedServer(t, answer);
    const io = fakeIo();
    const exit = await runCommandLine(
      ['conform', url, '--only', 'framing.text,handshake.accept', '--timeout-ms', '500'],
      io,
      '0.0.0',
    );
    assert.ok(exit === 0 || exit === 3, io.errLines.join('\n'));
    assert.match(io.errLines.join('\n'), says);
  });
}

/** Invalid responses to an offer of permessage-deflate. */
const EXTENSIONS: readonly (readonly [answer: string, verdict: Verdict, because: RegExp])[] = [
  ['', 'informational', /the offer was declined/],
  ['permessage-deflate; ;', 'fail', /the extensions of the response break the grammar/],
  ['permessage-deflate, permessage-deflate', 'fail', /the response uses 2 extensions/],
  ['permessage-deflate; mem=1', 'fail', /the parameter mem is unknown/],
];
for (const [answer, verdict, because] of EXTENSIONS) {
  test(`CM-09 RFC 7692 §5.1: a response of '${answer}' to an offer is ${verdict}`, async (t) => {
    const { url } = await scriptedServer(t, (socket, request) => {
      const offered = request.includes('permessage-deflate') && answer !== '';
      socket.end(accepting(request, offered ? `Sec-WebSocket-Extensions: ${answer}\r\n` : ''));
    });
    const io = fakeIo();
    const args = ['conform', url, '--json', '--only', 'deflate.rsv1.continuation', '--timeout-ms', '500'];
    await runCommandLine(args, io, '0.0.0');
    const found = io.outLines
      .map((line) => JSON.parse(line) as Record<string, string>)
      .find(({ event }) => event === 'result');
    assert.equal(found?.['verdict'], verdict);
    assert.match(found['because']!, because);
  });
}

test('CM-01 CM-09: a port in use prints one sentence; Ctrl-C while waiting for a client exits with 130', async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const { port } = other.address() as { readonly port: number };
  const busy = fakeIo();
  assert.equal(await runCommandLine(['conform', '--listen', String(port)], busy, '0.0.0'), 1);
  assert.match(busy.errLines.join('\n'), /^hawser: cannot listen on 127\.0\.0\.1 port \d+: [^\n]*EADDRINUSE/);
  const io = fakeIo();
  const exit = runCommandLine(['conform', '--listen', '0'], io, '0.0.0');
  await waitUntil(() => io.errLines.length > 0);
  assert.match(io.errLines[0]!, /^Waiting for a client on ws:\/\/127\.0\.0\.1:\d+\/$/);
  io.interrupt();
  assert.equal(await exit, 130);
});

test('CM-01 CM-09: a subprotocol that is not a token is wrong usage', async () => {
  const io = fakeIo();
  assert.equal(await runCommandLine(['conform', 'ws://a/', '--protocol', 'a b'], io, '0.0.0'), 2);
  assert.match(io.errLines[0]!, /--protocol is 'a b'; it must be a token/);
});
