import { execFile, spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type LoadPlan, whole } from '../../../src/load/index.ts';
import { answersIn, failuresIn, noneLeft, undisturbed } from '../judge.ts';
import { count, type Criterion, type RunSettings, type Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

/** Clients without a descriptor at the server wait so long, and each of them would wait for the default time. */
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

/** A crowd connects while other clients are connected, and leaves. Then new clients connect, as many as were there before the crowd. */
async function crowd(
  stage: Stage,
  { connections, rate, durationMs }: RunSettings,
  timeouts: Pick<LoadPlan, 'timeoutMs'> | undefined,
) {
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
      ...timeouts,
    },
    second,
  );
  stage.mark('the crowd has left');
  await stage.until(async () => (await stage.sample()).connections <= inside);
  const again = await stage.load(
    'again',
    'echo',
    { connections: inside, ratePerSecond: rate, durationMs: durationMs / 5 },
    second,
  );
  return { inside, all, again, staying: await staying };
}

/** More clients come than the process has descriptors. */
export const exhaustFds: Scenario = {
  name: 'exhaust-fds',
  summary:
    'more clients than descriptors: connected clients stay, the log names the reason, later clients are accepted',
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
      const { inside, all, again, staying } = await crowd(
        stage,
        { connections, rate, durationMs: durationMs / 2 },
        maxConnections === room ? undefined : { timeoutMs: TIMEOUT_MS },
      );
      const { acceptFailures, refusedByCode } = await stage.sample();
      const log = await stage.server.ask<Readonly<Record<string, number>>>('log');
      const full = refusedByCode['ERR_SERVER_FULL'] ?? 0;
      const refused = failuresIn(all);
      const reason =
        maxConnections === room
          ? `${whole(full)} refusals with 503`
          : `${whole(acceptFailures)} seconds without a descriptor; log: ${Object.keys(log).join(', ') || 'empty'}`;
      criteria.push(
        ...undisturbed(`${name}: clients that were connected before`, staying, inside),
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
        ...undisturbed(`${name}: later clients`, again, inside),
        await noneLeft(stage),
      );
      figures[name] = { all, again, staying, acceptFailures, refusedByCode, log };
    }
    return { criteria, figures };
  },
};
