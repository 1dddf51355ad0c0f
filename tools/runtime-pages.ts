import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { CAUSES, type Cause } from './runtime-causes.ts';

/** One test as a runner reports it. */
export interface ReportedCase {
  readonly test: string;
  /** The failure message. */
  readonly failure?: string | undefined;
  readonly skipped?: boolean;
}

/** The recorded result of one test file. */
export interface FileResult {
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly { readonly test: string; readonly failure: string }[];
}

/** The recorded results of one runtime: `docs/runtimes/<name>.json`. */
export interface RuntimeRun {
  readonly runtime: string;
  readonly platform: string;
  readonly date: string;
  /** By the path under test/, without `.test.ts`. */
  readonly files: Readonly<Record<string, FileResult>>;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
const plain = (text: string): string =>
  text.replaceAll(
    /&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi,
    (all, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return ENTITIES[name] ?? all;
      return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
    },
  );
const LONGEST_FAILURE = 160;
/** The first line that is not blank, cut to `LONGEST_FAILURE` characters. Stack traces differ between runs. */
const shortened = (failure: string): string =>
  plain(failure)
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '')
    ?.slice(0, LONGEST_FAILURE) ?? '';

/** The tests of a JUnit report, as Bun and Deno write it. */
export function casesOf(xml: string): ReportedCase[] {
  return [...xml.matchAll(/<testcase\s([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)].map(
    ([, attributes, inside]) => {
      const test = plain(/(?:^|\s)name="([^"]*)"/.exec(attributes!)?.[1] ?? '');
      const failed = /<(?:failure|error)\b([^>]*?)(?:\/>|>([\s\S]*?)<\/(?:failure|error)>)/.exec(
        inside ?? '',
      );
      if (failed === null) return { test, skipped: /<skipped\b/.test(inside ?? '') };
      const body = shortened(failed[2] ?? '');
      const message = shortened(/message="([^"]*)"/.exec(failed[1]!)?.[1] ?? '');
      return { test, failure: (body.length > message.length ? body : message) || 'failed' };
    },
  );
}

/** Collects results. Starts with those of the file `before` if it is of the same version of the runtime. */
export function keptRun(runtime: string, before: string | undefined) {
  const old = before === undefined ? undefined : (JSON.parse(readFileSync(before, 'utf8')) as RuntimeRun);
  const files: Record<string, FileResult> = { ...(old?.runtime === runtime ? old.files : {}) };
  const run: RuntimeRun = {
    runtime,
    platform: `${process.platform} ${process.arch}`,
    date: new Date().toISOString().slice(0, 10),
    files,
  };
  return {
    run,
    add(file: string, cases: readonly ReportedCase[]): FileResult {
      const failures = cases.flatMap(({ test, failure }) =>
        failure === undefined ? [] : [{ test, failure }],
      );
      const skipped = cases.filter((one) => one.skipped === true).length;
      files[file] = { passed: cases.length - failures.length - skipped, skipped, failures };
      return files[file];
    },
    /** Drops results of deleted test files. */
    keepOnly(names: readonly string[]): void {
      for (const name of Object.keys(files)) if (!names.includes(name)) delete files[name];
    },
    counts: () => countsOf(run),
    text: () =>
      `${JSON.stringify({ ...run, files: Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) }, undefined, 2)}\n`,
  };
}

export function countsOf({ files }: RuntimeRun): { passed: number; failed: number; skipped: number } {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, skipped, failures } of Object.values(files)) {
    counts.passed += passed;
    counts.failed += failures.length;
    counts.skipped += skipped;
  }
  return counts;
}

/** All runs of a folder, by name. */
export function readRuns(folder: string): { readonly file: string; readonly run: RuntimeRun }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ file, run: JSON.parse(readFileSync(join(folder, file), 'utf8')) as RuntimeRun }));
}

const appliesTo = (cause: Cause, runtime: string, file: string, test: string): boolean =>
  cause.runtimes.some((name) => runtime.startsWith(name)) &&
  cause.files.some((name) => (name.endsWith('/') ? file.startsWith(name) : file === name)) &&
  (cause.tests === undefined || cause.tests.test(test));

/** Every failure of a run, with its known cause. */
export function explained({ runtime, files }: RuntimeRun) {
  return Object.entries(files).flatMap(([file, { failures }]) =>
    failures.map(({ test, failure }) => ({
      file,
      test,
      failure,
      cause: CAUSES.find((cause) => appliesTo(cause, runtime, file, test)),
    })),
  );
}

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;

/** The failures of one runtime with their causes, in Markdown. */
function failuresOf(file: string, run: RuntimeRun): string {
  const { passed, failed, skipped } = countsOf(run);
  const found = explained(run);
  const causes = [...new Set(found.map(({ cause }) => cause))];
  const head = `**${run.runtime}**, ${run.platform}, ${run.date}: ${passed} passed, ${failed} failed, ${skipped} skipped ([each](runtimes/${file})).`;
  if (failed === 0) return head;
  const rows = causes.map((cause) => {
    const of = found.filter((one) => one.cause === cause);
    const names = [...new Set(of.map((one) => one.file))].join(', ');
    return row([names, of.length, cause?.happens ?? 'unknown', cause?.origin ?? '?']);
  });
  return [
    head,
    '',
    row(['Tests', 'failed', 'What happens', 'Where the cause lies']),
    row(['---', '---:', '---', '---']),
    ...rows,
  ].join('\n');
}

const [BEGIN, END] = ['<!-- results: written by tools/run-others.js --record -->', '<!-- end of results -->'];

/** The page with new tables. */
export function runtimesPage(
  page: string,
  runs: readonly { readonly file: string; readonly run: RuntimeRun }[],
): string {
  const tables = runs.map(({ file, run }) => failuresOf(file, run)).join('\n\n');
  const [before = '', rest = ''] = page.split(BEGIN);
  return `${before}${BEGIN}\n\n${tables}\n\n${END}${rest.split(END)[1] ?? ''}`;
}
