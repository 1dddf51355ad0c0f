import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ROOT } from './fences.ts';

/** Inside the package, so that `hawser` resolves by its `exports` to the built package with its types. */
const FOLDERS = join(ROOT, 'build', 'snippets');
const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

/** The strict options of the project, without those that only a library needs. */
const CONFIG = {
  extends: '../../../tsconfig.json',
  compilerOptions: {
    rootDir: '.',
    // Not to the sources: a reader of the page has the package.
    paths: {},
    outDir: 'out',
    allowJs: true,
    checkJs: true,
    declaration: false,
    declarationMap: false,
    sourceMap: false,
    tsBuildInfoFile: 'out/.tsbuildinfo',
  },
  include: ['*.ts', '*.js'],
  exclude: [],
};

export interface Source {
  readonly name: string;
  readonly language: 'ts' | 'js';
  readonly code: string;
}
export interface CompiledModules {
  /** The folder of this run; the caller removes it. */
  readonly folder: string;
  readonly of: ReadonlyMap<string, Compiled>;
}
export interface Compiled {
  /** Errors of the compiler; empty if there are none. */
  readonly complaints: readonly string[];
  /** The compiled program. */
  readonly file: string;
}

/** Compiles modules, each as a separate file. */
export function compiled(sources: readonly Source[]): CompiledModules {
  mkdirSync(FOLDERS, { recursive: true });
  const folder = mkdtempSync(join(FOLDERS, 'run-'));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(CONFIG));
  for (const [at, { language, code }] of sources.entries())
    writeFileSync(join(folder, `${at}.${language}`), code);
  const { stdout, stderr, status } = spawnSync(process.execPath, [TSC, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
  });
  const complaints = stdout.split('\n').filter((line) => line.trim() !== '');
  const ofFiles = complaints.filter((line) => /^\d+\.[tj]s\(/.test(line));
  assert.ok(status === 0 || ofFiles.length > 0, `the compiler says ${stdout}${stderr}`);
  const of = new Map(
    sources.map(({ name, language }, at) => [
      name,
      {
        complaints: complaints.filter((line) => line.startsWith(`${at}.${language}(`)),
        file: join(folder, 'out', `${at}.js`),
      },
    ]),
  );
  return { folder, of };
}
