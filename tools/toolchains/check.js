// Loads the packed package with common compilers, bundlers and test runners, on the Node that runs this file. Prints one line for
// each. If one fails, prints its output and exits with 1.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

const here = import.meta.dirname;
const root = join(here, '..', '..');
const modules = join(here, 'node_modules');
const work = join(here, 'build');
const EXPECTED = 'Ada: hello true 1 ProtocolConnection ReconnectingClient';

// The package is installed next to the tools, where all of them resolve it.
const folder = mkdtempSync(join(tmpdir(), 'hawser-toolchains-'));
const shell = process.platform === 'win32';
spawnSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
  cwd: root,
  shell,
});
const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
rmSync(join(modules, 'hawser'), { recursive: true, force: true });
mkdirSync(join(modules, 'hawser'));
spawnSync('tar', [
  '-xzf',
  join(folder, String(tarball)),
  '-C',
  join(modules, 'hawser'),
  '--strip-components=1',
]);
rmSync(folder, { recursive: true });
rmSync(work, { recursive: true, force: true });

/**
 * Runs a Node program and waits for its exit.
 * @param {string} cwd @param {readonly string[]} argv
 * @returns {Promise<{ readonly ok: boolean, readonly said: string }>}
 */
function node(cwd, ...argv) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, argv, { cwd });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
    child.on('close', (code) => resolve({ ok: code === 0, said }));
  });
}
const tool = (/** @type {string} */ path) => join(modules, path);

/** Writes a project folder. @param {string} name @param {Readonly<Record<string, string | object>>} files */
function project(name, files) {
  const path = join(work, name.replaceAll(/\W+/g, '-'));
  mkdirSync(path, { recursive: true });
  for (const [file, content] of Object.entries(files))
    writeFileSync(join(path, file), typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}
const fixture = (/** @type {string} */ name) => readFileSync(join(here, 'fixtures', name), 'utf8');

/** @type {Map<string, () => Promise<{ readonly ok: boolean, readonly said: string }>>} */
const rows = new Map();

const PROGRAM = fixture('program.ts');
/** Strict compiler options, as users set them. */
const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
  target: 'es2022',
  lib: ['es2022'],
  types: ['node'],
};
/** @type {Readonly<Record<string, Readonly<Record<string, object>>>>} */
const RESOLUTIONS = {
  node10: { ts: { module: 'commonjs', moduleResolution: 'node10' } },
  node16: { cts: { module: 'node16' }, mts: { module: 'node16' } },
  nodenext: { cts: { module: 'nodenext' }, mts: { module: 'nodenext' } },
  bundler: { ts: { module: 'esnext', moduleResolution: 'bundler' } },
};
for (const [version, compiler, resolutions] of /** @type {const} */ ([
  ['5.4', 'typescript54', ['node10', 'node16']],
  ['5.9', 'typescript', ['node10', 'nodenext', 'bundler']],
  ['6', 'typescript6', ['node10', 'nodenext']],
  ['7', 'typescript7', ['node16', 'nodenext', 'bundler']],
])) {
  for (const resolution of resolutions) {
    const name = `TypeScript ${version}, ${resolution}`;
    rows.set(name, () => {
      const kinds = Object.entries(RESOLUTIONS[resolution] ?? {});
      const files = kinds.map(([extension]) => `program.${extension}`);
      const ignore = version === '6' && resolution === 'node10' ? { ignoreDeprecations: '6.0' } : {};
      const compilerOptions = { ...STRICT, ...kinds[0]?.[1], ...ignore };
      const path = project(name, {
        'package.json': { private: true, type: 'commonjs' },
        'tsconfig.json': { compilerOptions, files },
        ...Object.fromEntries(files.map((file) => [file, PROGRAM])),
      });
      return node(path, tool(`${compiler}/bin/tsc`), '-p', '.');
    });
  }
}

rows.set('TypeScript 5.9 to CommonJS, run by Node', async () => {
  const path = project('emitted', {
    'package.json': { private: true, type: 'commonjs' },
    'tsconfig.json': {
      compilerOptions: { ...STRICT, noEmit: false, module: 'node16' },
      files: ['program.ts'],
    },
    'program.ts': PROGRAM,
    'run.js': `require('./program.js').talk().then(console.log);`,
  });
  const compiled = await node(path, tool('typescript/bin/tsc'), '-p', '.');
  return compiled.ok ? printing(await node(path, '--no-warnings', 'run.js'), EXPECTED) : compiled;
});

/** @param {{ readonly ok: boolean, readonly said: string }} result @param {string} expected */
const printing = ({ ok, said }, expected) => ({ ok: ok && said.trim() === expected, said });

rows.set('Jest, CommonJS', () => {
  const path = project('jest', {
    'package.json': { private: true },
    'required.test.js': fixture('required.test.js'),
  });
  return node(path, tool('jest/bin/jest.js'), '--rootDir', path);
});

rows.set('ts-jest, CommonJS', () => {
  const path = project('ts-jest', {
    'package.json': { private: true, jest: { preset: 'ts-jest' } },
    'tsconfig.json': {
      compilerOptions: {
        ...STRICT,
        noEmit: false,
        module: 'commonjs',
        moduleResolution: 'node10',
        types: ['node', 'jest'],
      },
    },
    'program.ts': PROGRAM,
    'talking.test.ts': fixture('talking.test.ts').replace('TEST_RUNNER', '@jest/globals'),
  });
  return node(path, tool('jest/bin/jest.js'), '--rootDir', path);
});

rows.set('Vitest', () => {
  const path = project('vitest', {
    'package.json': { private: true, type: 'module' },
    'program.ts': PROGRAM,
    'talking.test.ts': fixture('talking.test.ts').replace('TEST_RUNNER', 'vitest'),
  });
  return node(path, tool('vitest/vitest.mjs'), 'run', '--root', path);
});

for (const format of ['cjs', 'esm']) {
  rows.set(`esbuild, ${format}`, async () => {
    const path = project(`esbuild-${format}`, { 'entry.cjs': fixture('entry.cjs') });
    const { build } = await import('esbuild');
    const outfile = join(path, format === 'cjs' ? 'out.cjs' : 'out.mjs');
    // The bundle requires Node's modules at run time, and an ES module has no `require` unless one is created.
    const banner =
      format === 'cjs'
        ? {}
        : {
            js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
          };
    await build({
      entryPoints: [join(path, 'entry.cjs')],
      outfile,
      bundle: true,
      platform: 'node',
      format: /** @type {'cjs' | 'esm'} */ (format),
      banner,
      logLevel: 'silent',
    });
    return printing(await node(path, outfile), 'true true');
  });
}

/**
 * @param {import('webpack').Configuration} options
 * @returns {Promise<string | undefined>} What went wrong.
 */
async function runWebpack(options) {
  const { default: webpack } = await import('webpack');
  return new Promise((resolve) => {
    webpack(options, (error, stats) =>
      resolve(error?.message ?? (stats?.hasErrors() === true ? stats.toString() : undefined)),
    );
  });
}

rows.set('webpack', async () => {
  const path = project('webpack', { 'entry.cjs': fixture('entry.cjs') });
  const failure = await runWebpack({
    mode: 'development',
    devtool: false,
    target: 'node',
    context: path,
    entry: './entry.cjs',
    output: { path, filename: 'out.cjs' },
    optimization: { splitChunks: false },
  });
  if (failure !== undefined) return { ok: false, said: failure };
  return printing(await node(path, 'out.cjs'), 'true true');
});

const PAGE = fixture('page.ts');
/** A page is compiled without Node's types. */
const PAGE_OPTIONS = {
  ...STRICT,
  lib: ['es2022', 'dom'],
  types: [],
  module: 'esnext',
  moduleResolution: 'bundler',
};
for (const [version, compiler] of /** @type {const} */ ([
  ['5.4', 'typescript54'],
  ['5.9', 'typescript'],
  ['7', 'typescript7'],
])) {
  rows.set(`TypeScript ${version}, a page without Node's types`, () => {
    const path = project(`page-${compiler}`, {
      'package.json': { private: true, type: 'module' },
      'tsconfig.json': { compilerOptions: PAGE_OPTIONS, files: ['page.ts'] },
      'page.ts': PAGE,
    });
    return node(path, tool(`${compiler}/bin/tsc`), '-p', '.');
  });
}

/** Runs a bundle of the page. It must contain all that it needs. @param {string} path @param {string} file */
async function runPage(path, file) {
  const code = readFileSync(join(path, file), 'utf8');
  const [needs] = /\brequire\(|\bimport\s*[("'{]|["']node:/.exec(code) ?? [];
  if (needs !== undefined) return { ok: false, said: `the bundle contains ${needs}` };
  return printing(await node(path, file), 'page function function');
}

rows.set('esbuild, a page', async () => {
  const path = project('page-esbuild', { 'page.ts': PAGE });
  const { build } = await import('esbuild');
  await build({
    entryPoints: [join(path, 'page.ts')],
    outfile: join(path, 'out.mjs'),
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    logLevel: 'silent',
  });
  return runPage(path, 'out.mjs');
});

rows.set('webpack, a page', async () => {
  const path = project('page-webpack', {
    'page.mjs': `import { ReconnectingClient } from 'hawser/browser';
      console.log('page', typeof ReconnectingClient, typeof ReconnectingClient.prototype.topic);`,
  });
  const failure = await runWebpack({
    mode: 'production',
    target: 'web',
    context: path,
    entry: './page.mjs',
    output: { path, filename: 'out.cjs' },
  });
  return failure === undefined ? runPage(path, 'out.cjs') : { ok: false, said: failure };
});

rows.set('Node, import and require', () => {
  const entryPoints = [
    'hawser',
    'hawser/client',
    'hawser/browser',
    'hawser/protocol',
    'hawser/testing',
    'hawser/conform',
    'hawser/cluster',
    'hawser/observe',
    'hawser/opentelemetry',
    'hawser/ws',
  ];
  const path = project('node', {
    'same.cjs': `Promise.all(${JSON.stringify(entryPoints)}.map(async (entry) => [(await import(entry))['module.exports'], await import(entry)].includes(require(entry)))).then((same) => console.log(same.join()));`,
  });
  return node(path, '--no-warnings', 'same.cjs').then((result) =>
    printing(result, entryPoints.map(() => 'true').join()),
  );
});

// Two at a time: most rows keep one CPU busy.
const waiting = [...rows];
let failures = 0;
async function runRows() {
  for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
    const [name, run] = row;
    const startedAt = performance.now();
    const { ok, said } = await run().catch((error) => ({ ok: false, said: String(error) }));
    if (!ok) failures++;
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    process.stdout.write(`${ok ? 'loads' : 'FAILS'}  ${name}  ${seconds} s\n${ok ? '' : `${said}\n`}`);
  }
}
const only = process.argv[2];
if (only !== undefined) waiting.splice(0, waiting.length, ...waiting.filter(([name]) => name.includes(only)));
await Promise.all([runRows(), runRows()]);
process.exitCode = failures === 0 ? 0 : 1;
