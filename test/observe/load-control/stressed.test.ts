import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const CHILD = join(import.meta.dirname, 'stressed-child.js');

interface Outcome {
  readonly told: readonly string[];
  readonly before: boolean;
  readonly after: boolean;
  readonly level: string;
}

const LEVELS = ['normal', 'elevated', 'critical'];

/**
 * Checks what a server told: each change of the level as a log line and then as an event, with the metric of that moment. It was
 * critical, and fell step by step to normal. On a busy machine it may go up and down in between.
 */
function assertTold(told: readonly string[], cause: string): void {
  let level = 0;
  const seen: number[] = [];
  for (let at = 0; at < told.length; at += 2) {
    const [line = '', event = ''] = told.slice(at, at + 2);
    const [, next = ''] = /^load (?:rose|fell): (\w+)$/.exec(line) ?? [];
    const rank = LEVELS.indexOf(next);
    assert.equal(line, `load ${rank > level ? 'rose' : 'fell'}: ${next}`);
    assert.equal(
      event,
      `event: ${LEVELS[level]} to ${next}, metric ${rank}, causes ${rank === 0 ? '' : cause}`,
    );
    if (rank < level) assert.equal(rank, level - 1, 'it falls step by step');
    level = rank;
    seen.push(rank);
  }
  assert.ok(seen.includes(2), told.join('\n'));
  assert.equal(level, 0);
}

async function stressed(
  what: string,
  program = process.execPath,
  args: readonly string[] = [],
): Promise<Outcome> {
  const { stdout } = await promisify(execFile)(program, [...args, CHILD, what], { timeout: 60_000 });
  return JSON.parse(stdout) as Outcome;
}

const LOADS = [
  ['an event loop that is blocked for seconds', 'loop', 'eventLoopDelayMs', []],
  ['a heap of 160 MB that fills up', 'heap', 'heapRatio', ['--max-old-space-size=160']],
  ['a CPU that is taken', 'cpu', 'cpuRatio', []],
] as const;
for (const [what, load, signal, args] of LOADS) {
  test(`LC-09 LC-01 with ${what}, the server becomes critical, says so, and serves again by itself`, async () => {
    const { told, before, after, level } = await stressed(load, process.execPath, args);
    assertTold(told, signal);
    assert.deepEqual({ before, after, level }, { before: true, after: true, level: 'normal' });
  });
}

/** Memory of the container, in bytes. */
const CONTAINER_BYTES = 300 * 1_048_576;
/** Where cgroups with a memory limit are made, and the file that has the limit: version 2, or version 1. */
const [GROUPS, LIMIT] = existsSync('/sys/fs/cgroup/cgroup.controllers')
  ? ['/sys/fs/cgroup', 'memory.max']
  : ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'];

/** Makes a cgroup with {@link CONTAINER_BYTES}. @returns Why that is not possible here, otherwise its folder. */
function container(): { readonly folder: string } | { readonly impossible: string } {
  const folder = join(GROUPS, `hawser-test-${process.pid}`);
  try {
    mkdirSync(folder);
  } catch (error) {
    return { impossible: `this user may not make a cgroup: ${String(error)}` };
  }
  try {
    writeFileSync(join(folder, LIMIT), String(CONTAINER_BYTES));
    return { folder };
  } catch (error) {
    rmdirSync(folder);
    return { impossible: `this user may not limit the memory of a cgroup: ${String(error)}` };
  }
}

test('LC-01 LC-09 in a container that runs out of memory, the limit is that of the container', async (t) => {
  const made = container();
  if ('impossible' in made) {
    t.skip(made.impossible);
    return;
  }
  const { folder } = made;
  t.after(() => rmdirSync(folder));
  // Large blocks are mapped one by one, so that glibc returns each of them when it is free.
  const malloc = 'MALLOC_MMAP_THRESHOLD_=131072';
  const enter = `echo $$ > ${folder}/cgroup.procs && exec env ${malloc} ${process.execPath} --expose-gc "$@"`;
  const { told, before, after, level } = await stressed('memory', 'sh', ['-c', enter, 'sh']);
  assertTold(told, 'rssRatio');
  assert.deepEqual({ before, after, level }, { before: true, after: true, level: 'normal' });
});
