import { Buffer } from 'node:buffer';
import { EngineError } from '../protocol/errors.ts';
import type { Json, Member } from '../options/topic-types.ts';
import { isName } from './envelope.ts';

/** What the engine stores of one key of one node. */
export interface MemberRecord {
  readonly node: string;
  readonly key: string;
  readonly info: Json | undefined;
  readonly sinceMs: number;
  readonly connections: number;
}

/** The field of a member: the node, a space, and the key. */
export const fieldOf = (node: string, key: string): string => `${node} ${key}`;

export const writeMember = (info: unknown, since: number, connections: number): Buffer =>
  Buffer.from(JSON.stringify({ info: info ?? null, since, connections }), 'utf8');

/** @throws EngineError `ERR_ENGINE_MESSAGE` for a field or a value that {@link writeMember} does not write. */
export function readMember(field: string, value: Uint8Array): MemberRecord {
  const at = field.indexOf(' ');
  const node = field.slice(0, Math.max(0, at));
  const key = field.slice(at + 1);
  const record = parsed(value);
  if (!isName(node) || key === '' || record === undefined)
    throw new EngineError('ERR_ENGINE_MESSAGE', 'a member is no record of a node');
  return { node, key, ...record };
}

function parsed(value: Uint8Array): Omit<MemberRecord, 'node' | 'key'> | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.length).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null || !('info' in json)) return undefined;
  const { info, since, connections } = json as Record<string, unknown>;
  if (typeof since !== 'number' || !Number.isFinite(new Date(since).getTime())) return undefined;
  if (!Number.isSafeInteger(connections) || (connections as number) < 1) return undefined;
  return { info: info as Json, sinceMs: since, connections: connections as number };
}

/** The records of one key on all nodes are one member. The newest record has the info. */
export function mergeRecords(records: Iterable<MemberRecord>): Member | undefined {
  let newest: MemberRecord | undefined;
  let sinceMs = Infinity;
  let connections = 0;
  for (const record of records) {
    if (newest === undefined || record.sinceMs >= newest.sinceMs) newest = record;
    sinceMs = Math.min(sinceMs, record.sinceMs);
    connections += record.connections;
  }
  if (newest === undefined) return undefined;
  return { key: newest.key, info: newest.info, since: new Date(sinceMs), connections };
}

/** Groups records by key and merges each group. */
export function mergeAll(records: Iterable<MemberRecord>): Member[] {
  const byKey = new Map<string, MemberRecord[]>();
  for (const record of records) {
    const group = byKey.get(record.key);
    if (group === undefined) byKey.set(record.key, [record]);
    else group.push(record);
  }
  return [...byKey.values()].map((group) => mergeRecords(group)!);
}
