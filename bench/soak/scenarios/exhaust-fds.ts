import { execFile, spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { whole } from '../../../src/load/index.ts';
import { answersIn, failuresIn, noneLeft, undisturbed } from '../judge.ts';
import { count, type Criterion, type Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const TIMEOUT_MS = 5_000;
/** A server looks once a second whether a descriptor is left. */
const MIN_CROWD_MS = 1_800;
/** Descriptors besides those of connections. */
const RESERVE = 10;

/** Limits a process to so many more descriptors than it has now. */
async function allow(pid: number, more: number): Promise<void> {
  const { length } = await readdir(`/proc/${pid}/fd`);
  await promisify(execFile)('prlimit', ['--pid', String(pid), `--nofile=${length + more}:`]);
}

/** A crowd comes while others are inside, and leaves. Then as many as were inside come again. */
async function crowd(stage: Stage, connections: number, rate: number, durationMs: number) {
  const inside = Math.ceil(connections / 4);
  const [first, second] = stage.clients;
  const staying = stage.load(
    'inside',
    'echo',
    { connections: inside, ratePerSecond: rate, durationMs },
    first,
  );
  await stage.until(async () => (await stage.sample()).connections >= inside);
  await delay(durationMs / 5);
  stage.mark('a crowd comes');
  const all = await stage.load(
    'crowd',
    'echo',
    {
      connections,
      ratePerSecond: rate,
      durationMs: Math.max(durationMs / 4, MIN_CROWD_MS),
      timeoutMs: TIMEOUT_MS,
    },
    second,
  );
  stage.mark('the crowd has left');
  await stage.until(async () => (await stage.sample()).connections <= inside);
  const again = await stage.load(
    'again',
    'echo',
    { connections: inside, ratePerSecond: rate, durationMs: durationMs / 5, timeoutMs: TIMEOUT_MS },
    second,
  );
  return { inside, all, again, staying: await staying };
}

/** More clients come than the process has descriptors. */
export const exhaustFds: Scenario = {
  name: 'exhaust-fds',
  summary: 'more clients than descriptors: those inside stay, the log says why, and new ones come in later',
  defaults: { minutes: 0.5, connections: 400, rate: 200 },
  unavailable: () =>
    spawnSync('prlimit', ['--version']).status === 0
      ? undefined
      : 'it needs prlimit, of util-linux, and /proc',
  async run({ open, connections, rate, durationMs }) {
    const criteria: Criterion[] = [];
    const figures: Record<string, unknown> = {};
    const room = Math.ceil(connections / 2);
    // First the server does not know of the limit; then its own limit is below that of the system.
    // A refused connection needs a descriptor until its answer is sent.
    for (const [name, maxConnections, descriptors] of [
      ['without a limit of its own', 4 * connections, room],
      ['with maxConnections', room, room + connections],
    ] as const) {
      const stage = await open({
        server: { roles: ['echo'], options: { maxConnections } },
        clientProcesses: [{}, {}],
      });
      await allow(stage.server.pid, descriptors + RESERVE);
      const { inside, all, again, staying } = await crowd(stage, connections, rate, durationMs / 2);
      const { acceptFailures, refusedByCode } = await stage.sample();
      const log = await stage.server.ask<Readonly<Record<string, number>>>('log');
      const full = refusedByCode['ERR_SERVER_FULL'] ?? 0;
      const refused = failuresIn(all);
      const reason =
        maxConnections === room
          ? `${whole(full)} refusals with 503`
          : `${whole(acceptFailures)} seconds without a descriptor; log: ${Object.keys(log).join(', ') || 'empty'}`;
      criteria.push(
        ...undisturbed(`${name}: those inside`, staying, inside),
        count(
          `${name}: the crowd is served as far as there is room, the rest refused`,
          `${whole(answersIn(all))} answers, ${whole(refused)} refused`,
          answersIn(all) > 0 && refused > 0 && Number.isFinite(refused),
        ),
        count(
          `${name}: the server says why`,
          reason,
          maxConnections === room ? full === refused : acceptFailures > 0 && Object.keys(log).length > 0,
        ),
        ...undisturbed(`${name}: those who come later`, again, inside),
        await noneLeft(stage),
      );
      figures[name] = { all, again, staying, acceptFailures, refusedByCode, log };
    }
    return { criteria, figures };
  },
};
