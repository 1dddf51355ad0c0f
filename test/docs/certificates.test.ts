import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { connect, ConnectError, WebSocketServer } from '../../src/index.ts';
import { FENCES } from './fences.ts';
import { readShell } from './shell.ts';

const PAGE = 'docs/certificates.md';
const SKIP =
  spawnSync('openssl', ['version']).status === 0 ? false : 'needs openssl: apt-get install openssl';

const codeOf = (heading: string): string =>
  FENCES.find(({ key }) => key === `${PAGE}: ${heading}`)?.code ?? assert.fail(`no block ${heading}`);

/** Runs the commands of a block in a folder. @returns What they print. */
function run(folder: string, heading: string): string {
  let said = '';
  for (const line of codeOf(heading).trimEnd().split('\n')) {
    for (const { words } of readShell(line)) {
      const [program, ...args] = words;
      assert.equal(program, 'openssl', line);
      const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
      assert.equal(status, 0, `${line}\n${stderr}`);
      said += stdout;
    }
  }
  return said;
}

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-certificates-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function serving(t: TestContext, folder: string) {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const server = new WebSocketServer({ tls: { key: read('key.pem'), cert: read('cert.pem') } });
  t.after(() => server.shutdown({ timeoutMs: 1 }));
  const { port } = await server.listen(0, '127.0.0.1');
  return { server, port, read };
}

async function connects(url: string, ca: string): Promise<void> {
  await using connection = await connect(url, { tls: { ca } });
  assert.equal(connection.state, 'open');
}

test('EX-03 TL-02: a client that is given the certificate of the first recipe connects to both of its names', {
  skip: SKIP,
}, async (t) => {
  const folder = newFolder(t);
  run(folder, 'For one program');
  const { port, read } = await serving(t, folder);
  await connects(`wss://localhost:${port}/`, read('cert.pem'));
  await connects(`wss://127.0.0.1:${port}/`, read('cert.pem'));
});

test('EX-03 TL-02 TL-03: the authority of the recipe signs a certificate that clients verify, and a renewed one', {
  skip: SKIP,
}, async (t) => {
  const folder = newFolder(t);
  const AUTHORITY = 'For browsers: an authority of your own';
  run(folder, AUTHORITY);
  writeFileSync(join(folder, 'names.txt'), codeOf(`${AUTHORITY} (2)`));
  assert.equal(run(folder, `${AUTHORITY} (3)`), 'cert.pem: OK\ncert.pem: OK\n');
  if (process.platform !== 'win32') assert.equal(statSync(join(folder, 'ca-key.pem')).mode & 0o077, 0);
  const { server, port, read } = await serving(t, folder);
  const ca = read('ca.pem');
  await connects(`wss://localhost:${port}/`, ca);
  await connects(`wss://127.0.0.1:${port}/`, ca);
  await assert.rejects(connects(`wss://localhost:${port}/`, read('cert.pem')), ConnectError);

  // The program that shows what a server sends ends when its input does.
  const [, shown] = readShell(codeOf('Renewed certificates (2)').replaceAll('\n', ' && '));
  const words = shown!.words.slice(1).map((word) => word.replace(/^localhost:8443$/, `127.0.0.1:${port}`));
  const client = spawn('openssl', words, { cwd: folder, stdio: ['pipe', 'pipe', 'ignore'] });
  client.stdin.end();
  let said = '';
  client.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  assert.deepEqual(await once(client, 'close'), [0, null]);
  assert.match(said, /Verify return code: 0 \(ok\)/);

  const before = read('cert.pem');
  run(folder, `${AUTHORITY} (3)`);
  assert.notEqual(read('cert.pem'), before);
  server.reloadTls({ key: read('key.pem'), cert: read('cert.pem') });
  await connects(`wss://localhost:${port}/`, ca);
  const [dates] = readShell(codeOf('Renewed certificates (2)').split('\n')[0]!);
  const { stdout } = spawnSync('openssl', dates!.words.slice(1), { cwd: folder, encoding: 'utf8' });
  assert.match(
    stdout,
    /^notAfter=.*\nsubject=.*localhost\nissuer=.*Development authority of this machine\n$/,
  );
});

test('EX-03 TL-02: a certificate whose names are not those of the URL is refused, as the page says', {
  skip: SKIP,
}, async (t) => {
  const folder = newFolder(t);
  const command = codeOf('For one program').replace('DNS:localhost,IP:127.0.0.1,IP:::1', 'DNS:127.0.0.1');
  const { words } = readShell(command)[0]!;
  assert.equal(spawnSync('openssl', words.slice(1), { cwd: folder }).status, 0);
  const { port, read } = await serving(t, folder);
  await assert.rejects(connects(`wss://127.0.0.1:${port}/`, read('cert.pem')), (error: ConnectError) =>
    /does not match certificate's altnames/.test((error.cause as Error).message),
  );
});
