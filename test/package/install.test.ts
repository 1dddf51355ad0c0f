import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { connect } from '../../src/index.ts';
import { waitForEvent } from '../../src/testing/index.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** Runs npm. It is said where it is when npm itself runs the tests; otherwise it is looked up as a shell would. */
function npm(cwd: string, ...args: string[]): string {
  const path = process.env['npm_execpath'];
  const { status, stdout, stderr } =
    path === undefined
      ? spawnSync('npm', args, { cwd, encoding: 'utf8', shell: process.platform === 'win32' })
      : spawnSync(process.execPath, [path, ...args], { cwd, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

test('EX-02 EX-06 GN-08: what npm packs can be installed without a network, adds one package, and echoes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-install-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  npm(ROOT, 'pack', '--ignore-scripts', '--silent', '--pack-destination', folder);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  npm(folder, 'install', '--offline', '--no-audit', '--no-fund', '--silent', `./${tarball}`);
  const installed = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'));
  assert.deepEqual(installed, ['hawser']);

  const doors = Object.keys(
    (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { exports: Record<string, unknown> })
      .exports,
  ).map((door) => `hawser${door.slice(1)}`);
  const load = doors.map((door) =>
    door.endsWith('.json')
      ? `require('${door}');`
      : `if (require('${door}') !== await import('${door}')) throw door;`,
  );
  writeFileSync(
    join(folder, 'load.js'),
    `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\n${load.join('\n')}`,
  );
  const loaded = spawnSync(process.execPath, ['--no-warnings', 'load.js'], { cwd: folder, encoding: 'utf8' });
  assert.equal(loaded.status, 0, loaded.stderr);

  const { bin } = JSON.parse(
    readFileSync(join(folder, 'node_modules', 'hawser', 'package.json'), 'utf8'),
  ) as {
    bin: { hawser: string };
  };
  const program = join(folder, 'node_modules', 'hawser', bin.hawser);
  const child = spawn(process.execPath, [program, 'serve', '--echo', '--port', '0'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const client = await connect(/ws:\/\/\S+/.exec(line.toString())?.[0] ?? assert.fail(line.toString()));
  const answer = waitForEvent<[string]>(client, 'message');
  client.send('first echo');
  assert.deepEqual(await answer, ['first echo']);
  client.close();
  await client.closed;
});
