import process from 'node:process';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import { isMainThread, resourceLimits } from 'node:worker_threads';

const MIB = 1_048_576;
const FLAG = /^--max[-_]old[-_]space[-_]size=(\d+)$/;

/**
 * Used bytes of V8's heap, without the young generation: what the process dies of when it reaches {@link oldSpaceLimit}.
 */
export function oldSpaceUsed(): number {
  let used = 0;
  for (const { space_name: name, space_used_size: bytes } of getHeapSpaceStatistics())
    if (!name.startsWith('new_')) used += bytes;
  return used;
}

/**
 * The limit of V8's heap in bytes, without the young generation where it is known. `heap_size_limit` of V8 includes the young
 * generation, 48 to 192 MiB: with `--max-old-space-size=64` a process would die at 58 % of it (Node 20), or at 25 % (Node 24).
 */
export function oldSpaceLimit(): number {
  if (!isMainThread)
    return (resourceLimits.maxOldGenerationSizeMb ?? 0) * MIB || getHeapStatistics().heap_size_limit;
  const flags = [...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/), ...process.execArgv];
  const size = flags.findLast((flag) => FLAG.test(flag));
  return size === undefined ? getHeapStatistics().heap_size_limit : Number(FLAG.exec(size)![1]) * MIB;
}
