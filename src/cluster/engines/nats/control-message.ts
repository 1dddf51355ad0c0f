import { Buffer } from 'node:buffer';
import { EngineError } from '../../../protocol/errors.ts';
import { isName, readEnvelope, writeEnvelope } from '../../envelope.ts';

/** What nodes say to each other. Numbers are whole; times are in ms. */
export type ControlMessage =
  /** Bytes of the core. */
  | { readonly op: 'tell'; readonly bytes: Uint8Array }
  /** The node is alive for `ttlMs` more. Without info, it has only joined. */
  | { readonly op: 'beat'; readonly peer: PeerRecord }
  /** The nodes that the sender knows: the answer to `roll`. */
  | { readonly op: 'roll'; readonly peers: readonly PeerRecord[] }
  /** The node leaves. */
  | { readonly op: 'bye'; readonly claim: string }
  /** Asks every node for its members of a topic. */
  | { readonly op: 'ask'; readonly id: number; readonly max: number; readonly topic: string }
  /** The answer, in parts: fields and values; none if there are more than was asked for. */
  | {
      readonly op: 'members';
      readonly id: number;
      readonly count: number;
      readonly isLast: boolean;
      readonly entries: readonly Uint8Array[];
    }
  /** Removes members that another node entered. */
  | { readonly op: 'drop'; readonly topic: string; readonly fields: readonly string[] };

/** A node, as another one knows it. */
export interface PeerRecord {
  readonly node: string;
  /** Random for each engine: two engines with one node id differ in it. */
  readonly claim: string;
  readonly ttlMs: number;
  /** Missing before the first beat. */
  readonly info: Uint8Array | undefined;
}

/** A control message that was read. Bytes are views of it. */
export interface ReceivedControl {
  readonly from: string;
  readonly message: ControlMessage;
}

const MAX_TTL_MS = 86_400_000;

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8');

/** Writes a control message: an envelope whose first entry is `op` and its numbers, separated by spaces. */
export function writeControl(from: string, message: ControlMessage): Buffer {
  const [head, ...entries] = partsOf(message);
  const header = { node: from, seq: 0, epoch: undefined, first: 0 };
  return writeEnvelope('c', header, [bytesOf(head), ...entries]);
}

function partsOf(message: ControlMessage): [head: string, ...entries: Uint8Array[]] {
  switch (message.op) {
    case 'tell':
      return ['tell', message.bytes];
    case 'beat':
      return ['beat', ...peerEntries(message.peer)];
    case 'roll':
      return ['roll', ...message.peers.flatMap(peerEntries)];
    case 'bye':
      return [`bye ${message.claim}`];
    case 'ask':
      return [`ask ${message.id} ${message.max}`, bytesOf(message.topic)];
    case 'members':
      return [`members ${message.id} ${message.count} ${message.isLast ? 1 : 0}`, ...message.entries];
    case 'drop':
    default:
      return ['drop', bytesOf(message.topic), ...message.fields.map(bytesOf)];
  }
}

const peerEntries = ({ node, claim, ttlMs, info }: PeerRecord): Uint8Array[] => [
  bytesOf(`${node} ${claim} ${ttlMs} ${info === undefined ? 0 : 1}`),
  info ?? Buffer.alloc(0),
];

/** @throws EngineError `ERR_ENGINE_MESSAGE` unless every part is as {@link writeControl} writes it. */
export function readControl(bytes: Uint8Array, maxEntryBytes: number): ReceivedControl {
  const { kind, header, entries } = readEnvelope(bytes, maxEntryBytes);
  if (kind !== 'c' || header.epoch !== undefined) throw invalid('an envelope that is no control message');
  const [head, ...rest] = entries;
  const [op = '', ...words] = textOf(head!).split(' ');
  return { from: header.node, message: messageOf(op, words, rest) };
}

function messageOf(op: string, words: readonly string[], entries: readonly Uint8Array[]): ControlMessage {
  const [first] = entries;
  switch (op) {
    case 'tell':
      if (entries.length === 1) return { op, bytes: first! };
      break;
    case 'beat':
      if (entries.length === 2) return { op, peer: peersOf(entries)[0]! };
      break;
    case 'roll':
      return { op, peers: peersOf(entries) };
    case 'bye':
      if (isName(words[0])) return { op, claim: words[0] };
      break;
    case 'ask':
      if (entries.length === 1)
        return { op, id: numberOf(words[0]), max: numberOf(words[1]), topic: textOf(first!) };
      break;
    case 'members': {
      const [id, count, last] = [numberOf(words[0]), numberOf(words[1]), numberOf(words[2])];
      return { op, id, count, isLast: last === 1, entries };
    }
    case 'drop':
      if (entries.length > 1) return { op, topic: textOf(first!), fields: entries.slice(1).map(textOf) };
      break;
  }
  throw invalid('a control message of an unknown kind, or without its parts');
}

function peersOf(entries: readonly Uint8Array[]): readonly PeerRecord[] {
  const peers: PeerRecord[] = [];
  for (let at = 0; at + 1 < entries.length; at += 2) {
    const [node, claim, ttl, hasInfo] = textOf(entries[at]!).split(' ');
    const ttlMs = numberOf(ttl);
    if (!isName(node) || !isName(claim) || ttlMs > MAX_TTL_MS)
      throw invalid('a control message names no node');
    peers.push({ node, claim, ttlMs, info: hasInfo === '1' ? entries[at + 1]!.slice() : undefined });
  }
  return peers;
}

function numberOf(word: string | undefined): number {
  const number = /^\d{1,16}$/.test(word ?? '') ? Number(word) : NaN;
  if (Number.isSafeInteger(number)) return number;
  throw invalid('a control message has no valid number');
}

const invalid = (what: string): EngineError => new EngineError('ERR_ENGINE_MESSAGE', what);
