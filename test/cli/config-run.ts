import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { fakeIo } from './fake-io.ts';

/** A file that exists until the test ends. */
export function fileOf(t: TestContext, name: string, content: unknown) {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  const write = (next: unknown): void =>
    writeFileSync(path, typeof next === 'string' ? next : JSON.stringify(next));
  write(content);
  return { path, write, folder };
}

export interface Sources {
  readonly file?: unknown;
  readonly variables?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
}

/** Runs `hawser serve` with these sources. `$file` in a flag is the path of the file. */
export async function run(t: TestContext, { file, variables = {}, flags = [] }: Sources) {
  const io = fakeIo();
  for (const [name, value] of Object.entries(variables)) io.variables.set(name, value);
  const path = file === undefined ? '' : fileOf(t, 'hawser.json', file).path;
  const args = ['serve', ...(path === '' ? [] : ['--config', path]), ...flags];
  const code = await runCommandLine(args, io, '0.0.0');
  return { code, path, out: io.outLines.join('\n'), err: io.errLines };
}

/** What `--print-config` shows, without the address. */
export async function printed(t: TestContext, sources: Sources): Promise<unknown> {
  const { code, out, err } = await run(t, {
    ...sources,
    flags: [...(sources.flags ?? []), '--print-config'],
  });
  assert.equal(code, 0, err.join('\n'));
  const { port: _port, host: _host, ...options } = JSON.parse(out) as Record<string, unknown>;
  return options;
}
