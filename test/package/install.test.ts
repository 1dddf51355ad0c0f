import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, test, type TestContext } from 'node:test';
import { connect } from '../../src/index.ts';
import { waitForEvent } from '../../src/testing/index.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

/** The entry point that needs an optional peer. */
const WITH_PEER = 'hawser/opentelemetry';

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly bin: { readonly hawser: string };
}

/** An empty project with only the packed package installed. */
let folder: string;
/** `hawser`, `hawser/client`, and so on; without the one that needs the package `@opentelemetry/api`. */
let entryPoints: string[];

/** Runs npm. When npm runs the tests, the environment has its path; otherwise the shell finds it. */
function npm(cwd: string, ...args: string[]): void {
  const path = process.env['npm_execpath'];
  const { status, stderr } =
    path === undefined
      ? spawnSync('npm', args, { cwd, encoding: 'utf8', shell: process.platform === 'win32' })
      : spawnSync(process.execPath, [path, ...args], { cwd, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

function manifest(): Manifest {
  return JSON.parse(readFileSync(join(folder, 'node_modules', 'hawser', 'package.json'), 'utf8')) as Manifest;
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'hawser-install-'));
  npm(ROOT, 'pack', '--ignore-scripts', '--silent', '--pack-destination', folder);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  npm(folder, 'install', '--offline', '--no-audit', '--no-fund', '--silent', `./${tarball}`);
  entryPoints = Object.keys(manifest().exports)
    .filter((name) => !name.endsWith('.json'))
    .map((name) => `hawser${name.slice(1)}`)
    .filter((name) => name !== WITH_PEER);
});
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

/**
 * Runs a program in that project and waits for its exit.
 * @returns Its standard output.
 */
function printedBy(program: string, ...flags: string[]): string {
  writeFileSync(join(folder, 'program.js'), program);
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, 'program.js'], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

/**
 * Starts the installed command.
 * @returns The URL that it prints.
 */
async function serving(t: TestContext, ...args: string[]): Promise<string> {
  const program = join(folder, 'node_modules', 'hawser', manifest().bin.hawser);
  const child = spawn(process.execPath, [program, 'serve', '--port', '0', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return /(?:ws|http):\/\/\S+/.exec(line.toString())?.[0] ?? assert.fail(line.toString());
}

test('EX-02 EX-06 GN-08: the tarball installs without a network and adds one package', () => {
  const installed = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'));
  assert.deepEqual(installed, ['hawser']);
});

test('EX-02: the installed command echoes', async (t) => {
  const client = await connect(await serving(t, '--echo'));
  const answer = waitForEvent<[string, boolean]>(client, 'message');
  client.send('first echo');
  assert.deepEqual(await answer, ['first echo', true]);
  client.close();
  await client.closed;
});

test('EX-02: the installed command finds its page and prints its version', async (t) => {
  const page = await fetch(await serving(t, '--chat'));
  assert.equal(page.status, 200);
  assert.match(await page.text(), /^<!doctype html>/i);
});

/** Loads entry points with `import` and `require`. @returns What is not the same. */
function differences(names: readonly string[]): string {
  const loads = names.map((name) => `['${name}', await import('${name}'), require('${name}')]`);
  return printedBy(
    `import { createRequire } from 'node:module';
    const require = createRequire(import.meta.url);
    const first = new Map();
    for (const [entry, imported, required] of [${loads.join()}]) {
      if (imported !== required && imported['module.exports'] !== required) console.log(entry);
      // The classes of hawser/ws have the names of ws, and hawser/browser is a file of its own.
      if (entry !== 'hawser/ws' && entry !== 'hawser/browser') for (const [name, value] of Object.entries(imported)) {
        if ((first.get(name) ?? value) !== value) console.log(entry, name);
        first.set(name, value);
      }
    }
    if (first.size < ${names.length > 1 ? 50 : 1}) console.log(first.size);`,
    '--no-warnings',
  );
}

test('GN-13: import and require return the same objects at every entry point, and share classes', () => {
  assert.equal(differences(entryPoints), '');
});

test('EX-06: the installed server and client exchange messages; their class is also that of hawser/testing', () => {
  const said = printedBy(
    `import { Connection, WebSocketServer } from 'hawser';
    import { connect } from 'hawser/client';
    import { pair } from 'hawser/testing';
    const server = new WebSocketServer({ perMessageDeflate: true });
    server.on('message', (connection, message) => void connection.send(message));
    const { port } = await server.listen(0, '127.0.0.1');
    const client = await connect('ws://127.0.0.1:' + port, { perMessageDeflate: true });
    client.send('Hällo');
    for await (const message of client) { console.log(message); break; }
    await server.shutdown();
    const joined = await pair();
    console.log([client, joined.client, joined.server].every((one) => one instanceof Connection), Connection.name);
    await joined[Symbol.asyncDispose]();`,
  );
  assert.equal(said, 'Hällo\ntrue Connection\n');
});

/** Puts a folder of our own packages into the project. */
const link = (name: string): void =>
  symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), 'junction');

/** Checks the types of entry points as a strict consumer does. @returns What the compiler says. */
function compiled(names: readonly string[]): string {
  const imports = names.map((name, i) => `export * as entry${i} from '${name}';`);
  writeFileSync(join(folder, 'consumer.ts'), imports.join('\n'));
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false, // as most consumers have it, so their compiler checks our types
    noEmit: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
  return spawnSync(process.execPath, [TSC, '-p', folder], { encoding: 'utf8' }).stdout;
}

test('GN-13: the published types of every entry point compile without @internal members', () => {
  assert.ok(entryPoints.length >= 4);
  link('@types');
  assert.equal(compiled(entryPoints), '');
});

test('GN-13 MT-02: only hawser/opentelemetry needs @opentelemetry/api, and loads with it', () => {
  assert.match(compiled([...entryPoints, WITH_PEER]), /Cannot find module '@opentelemetry\/api'/);
  link('@opentelemetry');
  assert.equal(compiled([...entryPoints, WITH_PEER]), '');
  assert.equal(differences([WITH_PEER]), '');
});
