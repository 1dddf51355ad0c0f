import type { DriverOf } from '../connection/connection.ts';
import type { MemoryBudget } from '../engine/memory-budget.ts';
import { checkArgument, checkCount, type ValueRule } from '../options/call-check.ts';

/** Measured: a set of topics, and an entry in it and in the members of the topic. Names are shared by all subscribers. */
const TOPIC_SET_BYTES = 100;
const SUBSCRIPTION_BYTES = 90;

/** Memory of connections, in bytes. */
export interface MemoryParts {
  /** Output that was accepted and that the kernel has not taken, with 128 bytes for each entry of a queue. */
  readonly queuedBytes: number;
  /** Input that is not parsed, and unfinished messages. */
  readonly assemblyBytes: number;
  /** Messages that the application has not taken. */
  readonly undeliveredBytes: number;
  /** What the memory budget counts: the three above, as of the last step of each connection. */
  readonly budgetBytes: number;
  /** Contexts of permessage-deflate that are kept between messages, by zlib's formula. The budget does not count them. */
  readonly compressorBytes: number;
  /** Subscriptions. */
  readonly topics: number;
  /** Estimate for the subscriptions. The budget does not count them. */
  readonly topicBytes: number;
  /** `budgetBytes`, `compressorBytes` and `topicBytes`. */
  readonly totalBytes: number;
}

/** Memory of one connection. */
export interface ConnectionMemory extends MemoryParts {
  readonly id: string;
}

/** Memory of a server's connections at one moment: plain data, yours to keep. */
export interface MemoryReport {
  /** Ms since 1970. */
  readonly atMs: number;
  /** Open and closing connections, and closed ones with undelivered messages; the largest first. */
  readonly connections: readonly ConnectionMemory[];
  /** The sum over `connections`. */
  readonly sum: MemoryParts;
  /** The memory budget, which other servers and clients may share. */
  readonly budget: { readonly usedBytes: number; readonly maxBytes: number };
}

const NO_MEMORY: MemoryParts = Object.freeze({
  queuedBytes: 0,
  assemblyBytes: 0,
  undeliveredBytes: 0,
  budgetBytes: 0,
  compressorBytes: 0,
  topics: 0,
  topicBytes: 0,
  totalBytes: 0,
});
const NAMES = Object.keys(NO_MEMORY) as readonly (keyof MemoryParts)[];

type Writable<Parts> = { -readonly [Name in keyof Parts]: Parts[Name] };

function difference(after: MemoryParts, before: MemoryParts): MemoryParts {
  const parts: Writable<MemoryParts> = { ...after };
  for (const name of NAMES) parts[name] -= before[name];
  return parts;
}

/** Takes a report. Time is proportional to the number of connections: 3 to 8 µs each. */
export function memoryReport<UserData>(
  drivers: Iterable<DriverOf<UserData>>,
  { usedBytes, maxBytes }: MemoryBudget,
  atMs: number,
): MemoryReport {
  const connections = Array.from(drivers, memoryOf).sort((a, b) => b.totalBytes - a.totalBytes);
  const sum: Writable<MemoryParts> = { ...NO_MEMORY };
  for (const connection of connections) for (const name of NAMES) sum[name] += connection[name];
  return { atMs, connections, sum, budget: { usedBytes, maxBytes } };
}

function memoryOf<UserData>({ id, link, undeliveredBytes, topicSet }: DriverOf<UserData>): ConnectionMemory {
  const topics = topicSet?.size ?? 0;
  const topicBytes = topics === 0 ? 0 : TOPIC_SET_BYTES + topics * SUBSCRIPTION_BYTES;
  const budgetBytes = link.heldBytes;
  const compressorBytes = link.core.contextBytes;
  return {
    id,
    queuedBytes: link.bufferedBytes,
    assemblyBytes: link.core.countedBytes,
    undeliveredBytes,
    budgetBytes,
    compressorBytes,
    topics,
    topicBytes,
    totalBytes: budgetBytes + compressorBytes + topicBytes,
  };
}

/** How the memory of one connection has changed. */
export interface MemoryChange {
  readonly id: string;
  /** `undefined` for a connection that is only in the later report. */
  readonly before: ConnectionMemory | undefined;
  /** `undefined` for a connection that is only in the earlier report. */
  readonly after: ConnectionMemory | undefined;
  /** Difference of `totalBytes`. */
  readonly growthBytes: number;
}

/** The difference of two memory reports. */
export interface MemoryComparison {
  /** Ms between the two. */
  readonly elapsedMs: number;
  /** Connections whose memory has changed, and those that are in one report only; the greatest growth first. */
  readonly changes: readonly MemoryChange[];
  /** The later sum minus the earlier one; negative for memory that was released. */
  readonly sum: MemoryParts;
}

const REPORT: ValueRule = {
  fits: (value) =>
    typeof value === 'object' && value !== null && Array.isArray(Reflect.get(value, 'connections')),
  allowed: 'a result of server.memoryReport()',
};

/**
 * Compares two reports of one server: which connections came, left, grew and shrank.
 * @throws MisuseError `ERR_ARGUMENT` unless both are results of `server.memoryReport()`.
 */
export function compareMemoryReports(before: MemoryReport, after: MemoryReport): MemoryComparison;
export function compareMemoryReports(...given: readonly unknown[]): MemoryComparison {
  checkArgument('compareMemoryReports', 'before', given[0], REPORT);
  checkArgument('compareMemoryReports', 'after', given[1], REPORT);
  checkCount('compareMemoryReports', given, 2);
  const [before, after] = given as readonly [MemoryReport, MemoryReport];
  const earlier = new Map(before.connections.map((memory) => [memory.id, memory]));
  const later = new Map(after.connections.map((memory) => [memory.id, memory]));
  const changes: MemoryChange[] = [];
  for (const id of new Set([...earlier.keys(), ...later.keys()])) {
    const [old, now] = [earlier.get(id), later.get(id)];
    const growthBytes = (now?.totalBytes ?? 0) - (old?.totalBytes ?? 0);
    if (old === undefined || now === undefined || growthBytes !== 0)
      changes.push({ id, before: old, after: now, growthBytes });
  }
  changes.sort((a, b) => b.growthBytes - a.growthBytes);
  return { elapsedMs: after.atMs - before.atMs, changes, sum: difference(after.sum, before.sum) };
}
