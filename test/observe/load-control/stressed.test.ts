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

/** Every line that a server may tell, up to critical and back; some loads skip `elevated` on the way up. */
const WAY = (cause: string): RegExp =>
  new RegExp(
    `^(load rose: elevated\\nevent: normal to elevated, metric 1, causes ${cause}\\n)?` +
      `load rose: critical\\nevent: (normal|elevated) to critical, metric 2, causes ${cause}\\n` +
      `load fell: elevated\\nevent: critical to elevated, metric 1, causes ${cause}\\n` +
      'load fell: normal\\nevent: elevated to normal, metric 0, causes $',
  );

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
  ['a heap of 64 MB that fills up', 'heap', 'heapRatio', ['--max-old-space-size=64']],
  ['a CPU that is taken', 'cpu', 'cpuRatio', []],
] as const;
for (const [what, load, signal, args] of LOADS) {
  test(`LC-09 LC-01 with ${what}, the server becomes critical, says so, and serves again by itself`, async () => {
    const { told, before, after, level } = await stressed(load, process.execPath, args);
    assert.match(told.join('\n'), WAY(signal));
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
  const enter = `echo $$ > ${folder}/cgroup.procs && exec ${process.execPath} --expose-gc "$@"`;
  const { told, before, after, level } = await stressed('memory', 'sh', ['-c', enter, 'sh']);
  assert.match(told.join('\n'), WAY('rssRatio'));
  assert.deepEqual({ before, after, level }, { before: true, after: true, level: 'normal' });
});
