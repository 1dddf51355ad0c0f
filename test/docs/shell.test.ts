import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { WebSocketServer } from '../../src/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { fakeIo, served } from '../cli/fake-io.ts';
import { echo, hawser } from '../cli/talking.ts';
import { curl } from '../interop/peers.ts';
import { FENCES, PAGES, ROOT } from './fences.ts';
import { readShell, type ShellCommand } from './shell.ts';

/** Tests that run the code in other languages. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'docs/admin.md: Kubernetes and balancers': 'test/docs/configurations.test.ts',
  'docs/metrics.md: From nothing to a board in five minutes (2)': 'test/docs/configurations.test.ts',
  'docs/tracing.md: Traces in Jaeger or Tempo': 'test/docs/configurations.test.ts',
  'docs/tracing.md: Traces in Jaeger or Tempo (3)': 'test/docs/configurations.test.ts',
  'docs/browser.md: In browsers (2)': 'test/interop/browser-client.test.ts',
  'docs/certificates.md: For one program': 'test/docs/certificates.test.ts',
  'docs/certificates.md: For browsers: an authority of your own': 'test/docs/certificates.test.ts',
  'docs/certificates.md: For browsers: an authority of your own (2)': 'test/docs/certificates.test.ts',
  'docs/certificates.md: For browsers: an authority of your own (3)': 'test/docs/certificates.test.ts',
  'docs/certificates.md: Renewed certificates': 'test/docs/certificates.test.ts',
  'docs/certificates.md: Renewed certificates (2)': 'test/docs/certificates.test.ts',
  'docs/cli.md: connect (2)': 'test/cli/connect-failures.test.ts',
  'docs/cli.md: inspect (2)': 'test/cli/inspect.test.ts',
  'docs/deploying.md: nginx': 'test/deploy/rolling.test.ts',
  'docs/deploying.md: Compose': 'test/deploy/files.test.ts',
  'docs/deploying.md: Kubernetes': 'test/deploy/files.test.ts',
  'docs/configuration.md: hawser serve: flags, variables, a file (2)': 'test/docs/configurations.test.ts',
  'docs/debugging.md: Symptom: memory grows': 'test/examples/slow-consumer.test.ts',
  'docs/debugging.md: Symptom: memory grows (3)': 'test/examples/slow-consumer.test.ts',
  'docs/debugging.md: Read it': 'test/examples/slow-consumer.test.ts',
  'docs/debugging.md: Why it was closed': 'test/examples/slow-consumer.test.ts',
  'docs/proxies.md: nginx': 'test/interop/proxies.test.ts',
  'docs/proxies.md: HAProxy': 'test/interop/proxies.test.ts',
  'docs/proxies.md: PROXY protocol (2)': 'test/interop/proxy-protocol.test.ts',
  'docs/hawser-v1.md: Opening': 'test/cluster/wire.test.ts',
  'docs/hawser-v1.md: Positions': 'test/cluster/wire.test.ts',
  'docs/hawser-v1.md: Positions (2)': 'test/cluster/wire.test.ts',
  'docs/hawser-v1.md: Publishing': 'test/cluster/wire.test.ts',
  'docs/hawser-v1.md: Errors': 'test/cluster/wire.test.ts',
  'docs/ws.md: Your dependencies': 'test/ws/dependants.test.ts',
  'docs/conformance/README.md: A client (2)': 'test/interop/conform-client.test.ts',
  'tools/ws-package/README.md: hawser-ws': 'test/package/ws-package.test.ts',
  // A diagram of folders.
  'CONTRIBUTING.md: Source layout': 'test/architecture.test.ts',
};

/** `test/docs/tutorial.test.ts` checks its files, and `test/examples/tutorial.test.ts` runs them. */
const TUTORIAL = 'docs/tutorial/';

test('EX-03 every code block is a program, a shell command, or in the list of blocks that other tests run', () => {
  const others = FENCES.filter(
    ({ page, language }) => !page.startsWith(TUTORIAL) && !['ts', 'js', 'sh'].includes(language),
  );
  assert.deepEqual(others.map(({ key }) => key).sort(), Object.keys(ELSEWHERE).sort());
  for (const file of Object.values(ELSEWHERE)) assert.ok(existsSync(join(ROOT, file)), file);
});

interface PackageFile {
  readonly scripts: Readonly<Record<string, string>>;
}
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as PackageFile;

/** Checks that a script of package.json exists and that its program knows the given flags. */
function checkNpm([verb, ...args]: readonly string[]): void {
  if (verb === 'ci') {
    const folder = args[0] === '--prefix' ? args[1]! : '.';
    assert.ok(existsSync(join(ROOT, folder, 'package-lock.json')), folder);
    return;
  }
  if (['init', 'install', 'pack', 'pkg'].includes(verb!)) return;
  const name = verb === 'run' ? args[0]! : verb!;
  const script = scripts[name] ?? assert.fail(`package.json has no script ${name}`);
  const flags = args.filter((word) => /^--\w/.test(word));
  if (flags.length === 0) return;
  const program =
    /\bnode ((?:build|tools\/release)\/\S+\.js)/.exec(script)?.[1] ?? assert.fail(`${name} takes no flags`);
  const { stdout } = spawnSync(process.execPath, [join(ROOT, program), '--help'], { encoding: 'utf8' });
  for (const flag of flags) assert.ok(stdout.includes(flag), `${name} has no flag ${flag}`);
}

const CLUSTER_TESTS = join(ROOT, 'test', 'cluster');
const isBroker = (flag: string | undefined): boolean => flag === '--redis' || flag === '--nats';

/** Starts `hawser serve` and stops it. No broker runs here: the server starts without one. */
async function checkServe(args: readonly string[]): Promise<void> {
  if (args.some(isBroker) && !existsSync(join(CLUSTER_TESTS, 'node_modules'))) return;
  const io = { ...fakeIo(), workingFolder: CLUSTER_TESTS };
  const words = args.map((word, at) =>
    args[at - 1] === '--port' ? '0' : isBroker(args[at - 1]) ? word.replace(/:\d+$/, ':1') : word,
  );
  const exit = hawser(io, 'serve', ...words, ...(words.includes('--port') ? [] : ['--port', '0']));
  await Promise.race([
    waitUntil(() => io.outLines.length > 0, { deadlineMs: 30_000, description: 'the URL' }),
    exit,
  ]);
  if (words.includes('--print-config')) {
    assert.equal(await exit, 0, io.errLines.join('\n'));
    return;
  }
  assert.match(io.outLines.join('\n'), /(?:ws|http)s?:\/\//, io.errLines.join('\n'));
  io.interrupt();
  assert.equal(await exit, 0, io.errLines.join('\n'));
}

/** Runs a client command against a Hawser echo server instead of the server in the guide. */
async function checkClient(t: TestContext, name: string, args: readonly string[]): Promise<void> {
  const { url } = await echo(t, { allowedOrigins: '*' });
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file.html');
  writeFileSync(file, 'not an image');
  const words = args.map((word, at) =>
    /^(?:wss?:\/\/[\w.:]+\/\S*|localhost:\d+)$/.test(word)
      ? url
      : ['--report', '--file', '--html'].includes(args[at - 1] ?? '')
        ? file
        : args[at - 1] === '--listen'
          ? '0'
          : args[at - 1] === '--pid'
            ? String(process.pid)
            : word,
  );
  const io = fakeIo();
  io.input.end('1\n2\n');
  // Long or waiting commands are only started: a wrong command line exits at once with 2.
  const whole = name !== 'bench' && !words.includes('--listen');
  const short = name === 'conform' && whole && !words.includes('--only') ? ['--only', 'lengths.*'] : [];
  const quick = name === 'connect' || name === 'send' ? ['--wait-ms', '300'] : [];
  const exit = hawser(io, name, ...words, ...short, ...quick);
  if (!whole) io.interrupt();
  assert.equal(await exit, whole ? 0 : 130, io.errLines.join('\n'));
  if (name === 'connect') assert.match(io.outLines.join('\n'), /\b1\b[^]*\b2\b/);
}

/** Runs a command of topics against a server of this process, whose topic `news` has two messages. */
async function checkTopics(t: TestContext, name: string, args: readonly string[]): Promise<void> {
  const server = new WebSocketServer({
    protocols: ['hawser.v1'],
    history: { match: '*' },
    authorizeSubscribe: () => true,
    authorizePublish: () => true,
  });
  t.after(() => server.shutdown({ timeoutMs: 1 }));
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  for (const text of ['one', 'two']) server.publish('news', text);
  const words = args.map((word) => word.replace(/^localhost:8080$/, `127.0.0.1:${port}`));
  const io = fakeIo();
  const exit = hawser(io, name, ...words);
  if (name === 'send') {
    assert.equal(await exit, 0, io.errLines.join('\n'));
    assert.equal((await server.position('news')).offset, 4);
    return;
  }
  const topic = words[1]!;
  await Promise.race([waitUntil(() => server.topics.subscriberCount(topic) === 1), exit]);
  server.publish(topic, 'three');
  await waitUntil(() => io.outLines.some((line) => line.includes('three')));
  // With --since this line is the third, otherwise the first.
  assert.equal(
    io.outLines.some((line) => line.includes('one')),
    words.includes('--since'),
  );
  if (!words.includes('--count')) io.interrupt();
  assert.equal(await exit, words.includes('--count') ? 0 : 130, io.errLines.join('\n'));
}

/** Publishes with curl to `hawser serve --topics` of this process. */
async function checkPublish(t: TestContext, args: readonly string[]): Promise<void> {
  if (curl.peer === undefined) return t.skip(curl.skip);
  const server = await served('--topics', '--publish-token', 's3cret');
  t.after(() => server.stop());
  const words = args.map((word) => word.replace('127.0.0.1:8080', `127.0.0.1:${server.port}`));
  const { stdout } = await promisify(execFile)(curl.peer, ['-sS', ...words]);
  assert.equal((JSON.parse(stdout) as { ok: boolean }).ok, true, stdout);
}

/** Runs `hawser top` once against an admin port of this process. */
async function checkTop(t: TestContext, args: readonly string[]): Promise<void> {
  const server = new WebSocketServer({ admin: { port: 0 } });
  t.after(() => server.shutdown());
  const { port } = await server.listenAdmin();
  const words = args.map((word) =>
    word.replace(/^localhost:9090$|^https:\/\/ops\.example/, `http://127.0.0.1:${port}`),
  );
  const io = fakeIo();
  const exit = await hawser(io, 'top', ...words, ...(words.includes('--once') ? [] : ['--once']));
  assert.equal(exit, 0, io.errLines.join('\n'));
}

/** Runs curl as a page of another origin, which is refused. Without curl, only the arguments are checked. */
async function checkCurl(t: TestContext, args: readonly string[]): Promise<void> {
  const { port } = await echo(t);
  const words = args.map((word) => word.replace('127.0.0.1:8080', `127.0.0.1:${port}`));
  if (curl.peer === undefined) return t.skip(curl.skip);
  const { stdout } = await promisify(execFile)(curl.peer, words);
  assert.match(stdout, /^HTTP\/1\.1 403 /);
}

/** Where the programs of a page are, below the root. */
const folderOf = (page: string): string =>
  page.startsWith(TUTORIAL) ? page.replace('docs', 'examples').replace('.md', '') : '.';

async function check(
  t: TestContext,
  { words: [program, ...args], input }: ShellCommand,
  page: string,
): Promise<void> {
  if (/^\w+=/.test(program!)) {
    const [next, ...rest] = args;
    return check(t, { words: [next!, ...rest], input }, page);
  }
  if (program === 'npx' || program === 'hawser') {
    const [name, ...rest] = program === 'npx' ? args.slice(1) : args;
    if (program === 'npx') assert.equal(args[0], 'hawser');
    if (name === 'serve') return checkServe(rest);
    if (name === 'subscribe' || rest.includes('--topic')) return checkTopics(t, name!, rest);
    return name === 'top' ? checkTop(t, rest) : checkClient(t, name!, rest);
  }
  if (program === 'curl')
    await (args.some((word) => word.includes('/topics/')) ? checkPublish(t, args) : checkCurl(t, args));
  else if (program === 'npm') checkNpm(args);
  else if (program === 'node') assert.ok(existsSync(join(ROOT, folderOf(page), args[0]!)), args[0]);
  else if (program === 'bash') assert.ok(existsSync(join(ROOT, args[0]!)), args[0]);
  else
    assert.ok(
      ['seq', 'wc', 'kill', 'mkdir', 'cd', 'redis-server'].includes(program!),
      `${program} is not allowed in guides`,
    );
}

for (const { key, page, line, code } of FENCES.filter(({ language }) => language === 'sh')) {
  test(`EX-03 EX-02 the commands of ${key} work`, async (t) => {
    for (const [at, text] of code.trimEnd().split('\n').entries()) {
      await t.test(`${page}:${line + at} ${text}`, async (each) => {
        for (const command of readShell(text)) await check(each, command, page);
      });
    }
  });
}

test('EX-03 npm scripts that pages name in the text exist', () => {
  for (const page of PAGES) {
    for (const [, name = ''] of readFileSync(join(ROOT, page), 'utf8').matchAll(
      /`npm run ([\w:-]+)[^`\n]*`/g,
    ))
      assert.ok(Object.hasOwn(scripts, name), `${page}: npm run ${name}`);
  }
});

test('EX-03 CM-01 flags that pages name in the text belong to the command', async () => {
  const helps = new Map<string, string>();
  for (const page of PAGES) {
    const text = readFileSync(join(ROOT, page), 'utf8');
    for (const [, name = '', rest = ''] of text.matchAll(/`(?:npx )?hawser (\w+)([^`\n]*)`/g)) {
      if (!helps.has(name)) {
        const io = fakeIo();
        assert.equal(await hawser(io, 'help', name), 0, `${page}: ${io.errLines.join('\n')}`);
        helps.set(name, io.outLines.join('\n'));
      }
      for (const [flag] of rest.matchAll(/--[a-z][\w-]*/g))
        assert.ok(
          flag === '--help' || new RegExp(`${flag}\\b`).test(helps.get(name)!),
          `${page}: hawser ${name} ${flag}`,
        );
    }
  }
  assert.ok(helps.size >= 4);
});

for (const [line, expected] of [
  ['a \'b c\' "d" # e', [{ words: ['a', 'b c', 'd'], input: 'typed' }]],
  [
    'a | b < c && d',
    [
      { words: ['a'], input: 'typed' },
      { words: ['b'], input: 'file' },
      { words: ['d'], input: 'typed' },
    ],
  ],
  ['A=1 b &', [{ words: ['A=1', 'b'], input: 'typed' }]],
] as const) {
  test(`EX-03 shell: ${line}`, () => assert.deepEqual(readShell(line), expected));
}
