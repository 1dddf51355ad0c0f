import { duration, percent, significant, size, whole } from '../../src/load/index.ts';
import { slopeOf, type Point, type Slope } from './flatness.ts';
import { count, type Criterion, type LoadOutcome, measure } from './scenario.ts';
import { type Recording, serverPoints } from './samples.ts';
import type { Stage } from './stage.ts';

/** A shorter run says nothing about memory: the process is still compiling code. */
export const FLAT_FROM_MS = 600_000;
/** Growth that is allowed, in bytes a minute: less than a megabyte in an hour. */
const GROWTH_PER_MINUTE = 16 * 1_024;
/** A rate counts as kept from this share of it. */
const KEPT = 0.95;

/** Failures of a load: connections that did not open or were lost; all of them, if there are no figures. */
export const failuresIn = (outcome: LoadOutcome): number =>
  'failure' in outcome
    ? Infinity
    : Object.values(outcome.figures.failures).reduce((sum, times) => sum + times, 0);
/** Answers of a load; in the mode `handshake`, connections. */
export const answersIn = (outcome: LoadOutcome): number =>
  'failure' in outcome ? 0 : outcome.figures.messages;

/** The demand that nothing of a scenario holds a connection any longer. */
export async function noneLeft(stage: Stage): Promise<Criterion> {
  const isEmpty = await stage.until(async () => (await stage.sample()).connections === 0);
  const { connections } = await stage.sample();
  return count('no connection is left afterwards', `${whole(connections)} are left`, isEmpty);
}

/** The demand on load control, if it is on: the level is normal again. */
export async function normalAgain(stage: Stage): Promise<Criterion[]> {
  const known = stage.samples.flatMap(({ server }) => server?.level ?? []);
  if (known.length === 0) return [];
  const isNormal = await stage.untilNormal();
  const highest = ['critical', 'elevated', 'normal'].find((level) => known.includes(level));
  return [
    measure(
      'load control: the level is normal afterwards',
      `${isNormal ? 'normal' : 'not normal'}; the highest level was ${highest}`,
      isNormal,
    ),
  ];
}

/** Latencies up to this are good at any time, in ms. */
const GOOD_MS = 25;

/** The demand that latency is at most three times that of calm times. Up to 25 ms it is good at any time. */
export function atMostThrice(what: string, calmMs: number | null, thenMs: number | null): Criterion {
  const limitMs = Math.max(GOOD_MS, 3 * (calmMs ?? 0));
  const text = (ms: number | null): string => (ms === null ? 'unknown' : duration(ms));
  return measure(
    `${what}: p99 at most three times that of the calm (${text(calmMs)}), or ${GOOD_MS} ms`,
    text(thenMs),
    thenMs !== null && thenMs <= limitMs,
  );
}

const failuresOf = (failures: Readonly<Record<string, number>>): string =>
  Object.entries(failures)
    .map(([why, times]) => `${why}, ${whole(times)} times`)
    .join('; ');

/** The demands on a load that nothing disturbs: all connections stay, and every answer is right. */
export function undisturbed(name: string, outcome: LoadOutcome, connections: number): Criterion[] {
  const demand = `${name}: ${whole(connections)} connections open, none fails, every message gets its right answer`;
  if ('failure' in outcome) return [count(demand, outcome.failure, false)];
  const { figures } = outcome;
  const failures = failuresOf(figures.failures);
  const isMet =
    failures === '' &&
    figures.messages > 0 &&
    figures.unanswered === 0 &&
    figures.connections === connections;
  const seen = `${whole(figures.connections)} connections, ${whole(figures.messages)} answers${figures.unanswered === 0 ? '' : `, ${whole(figures.unanswered)} messages unanswered`}`;
  return [count(demand, failures === '' ? seen : `${seen}; ${failures}`, isMet)];
}

/** The demand that a load keeps its rate. */
export function keptRate(name: string, outcome: LoadOutcome): Criterion[] {
  if ('failure' in outcome || outcome.figures.plannedRate === null) return [];
  const { ratePerSecond, plannedRate, latencyMs, mode, connections } = outcome.figures;
  const planned = mode === 'fan-out' ? plannedRate * connections : plannedRate;
  return [
    measure(
      `${name}: at least ${percent(KEPT)} of ${whole(planned)} a second`,
      `${whole(ratePerSecond)} a second${latencyMs === null ? '' : `, p50 ${duration(latencyMs.p50)}, p99 ${duration(latencyMs.p99)}`}`,
      ratePerSecond >= KEPT * planned,
    ),
  ];
}

/** How memory changed in the last half of a run, in KiB a minute. */
export interface Flatness {
  readonly rss: Slope | undefined;
  readonly live: Slope | undefined;
}

const kib = (slope: Slope | undefined): Slope | undefined =>
  slope && { ...slope, perMinute: slope.perMinute / 1_024, error: slope.error / 1_024 };

/** The change of memory in the last half. @param until End of the load, in ms of the recording. */
export function flatnessOf(recording: Recording, fromMs: number, untilMs: number): Flatness {
  const within = ({ atMs }: Point): boolean => atMs >= fromMs && atMs <= untilMs;
  return {
    rss: kib(slopeOf(serverPoints(recording, ({ rssBytes }) => rssBytes, fromMs).filter(within))),
    live: kib(slopeOf(recording.live.filter(within))),
  };
}

const slopeText = ({ perMinute, error }: Slope): string =>
  `${significant(perMinute)} ± ${significant(error)} KiB a minute`;

/** The demand that memory does not grow. A run that is too short is not judged. */
export function flat({ rss, live }: Flatness, durationMs: number): Criterion[] {
  return [['RSS', rss] as const, ['live heap and buffers', live] as const].flatMap(([name, slope]) => {
    if (slope === undefined || durationMs < FLAT_FROM_MS) return [];
    return [
      measure(
        `${name} in the last half: no growth above ${size(GROWTH_PER_MINUTE)} a minute, with 95 % confidence`,
        slopeText(slope),
        slope.perMinute - slope.error <= GROWTH_PER_MINUTE / 1_024,
      ),
    ];
  });
}
