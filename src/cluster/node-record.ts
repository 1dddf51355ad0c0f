import { Buffer } from 'node:buffer';
import type { NodeInfo, NodeStats } from '../server/groups/cluster-calls.ts';

/** Longest text that a node says of itself, in characters. */
const MAX_TEXT = 256;
const MAX_REASONS = 16;

type Fields = Readonly<Record<string, unknown>>;

/** What the entry of a node among the nodes of the engine says. */
export const writeNode = ({ name, host, pid, version, since }: NodeInfo): Buffer =>
  Buffer.from(JSON.stringify({ name, host, pid, version, since: since.getTime() }), 'utf8');

/** Reads the entry of a node. What is missing or invalid becomes an empty text or 0: other programs may write entries, too. */
export function readNode(id: string, bytes: Uint8Array): NodeInfo {
  const fields = parsed(bytes);
  return {
    id,
    name: text(fields['name']),
    host: text(fields['host']) ?? '',
    pid: count(fields['pid']) ?? 0,
    version: text(fields['version']) ?? '',
    since: new Date(count(fields['since']) ?? 0),
  };
}

/** The names of the numbers of {@link NodeStats}. */
const NODE_NUMBERS = [
  'pid',
  'uptimeMs',
  'connections',
  'slowConnections',
  'topics',
  'subscriptions',
  'messagesReceived',
  'messagesSent',
  'messagesDropped',
  'bytesReceived',
  'bytesSent',
  'bytesBuffered',
] as const satisfies readonly (keyof NodeStats)[];

/** Reads the statistics of a node from its answer. @returns `undefined` if a member is missing or invalid. */
export function readStats(id: string, value: unknown): NodeStats | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Fields;
  const [host, version] = [text(fields['host']), text(fields['version'])];
  const { ready, reasons } = fields;
  if (host === undefined || version === undefined || typeof ready !== 'boolean' || !areTexts(reasons))
    return undefined;
  const numbers: Partial<Record<(typeof NODE_NUMBERS)[number], number>> = {};
  for (const name of NODE_NUMBERS) {
    const number = count(fields[name]);
    if (number === undefined) return undefined;
    numbers[name] = number;
  }
  return {
    id,
    name: text(fields['name']),
    host,
    version,
    ready,
    reasons,
    ...(numbers as Required<typeof numbers>),
  };
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= MAX_TEXT ? value : undefined;

/** A number that is not negative and not too large for a date or a sum. */
const count = (value: unknown): number | undefined =>
  typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : undefined;

const areTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length <= MAX_REASONS && value.every((each) => text(each) !== undefined);

function parsed(bytes: Uint8Array): Fields {
  try {
    const value: unknown = JSON.parse(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'),
    );
    if (typeof value === 'object' && value !== null) return value as Fields;
  } catch {
    // No JSON.
  }
  return {};
}
