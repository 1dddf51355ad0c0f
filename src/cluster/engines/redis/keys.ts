import { Buffer } from 'node:buffer';
import type { Channel } from '../../engine.ts';

/** Topics are spread over this many partitions, so that all keys of a topic have one hash tag. */
export const PARTITIONS = 64;
/** Version of the layout of keys. A node with another layout refuses to start. */
export const LAYOUT = 1;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The partition of a topic: FNV-1a of its UTF-8 bytes, modulo 64. */
export function partitionOf(topic: string): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < topic.length; at++) {
    const code = topic.charCodeAt(at);
    if (code > 0x7f) return partitionOfBytes(Buffer.from(topic, 'utf8'));
    hash = Math.imul(hash ^ code, FNV_PRIME);
  }
  return (hash >>> 0) % PARTITIONS;
}

function partitionOfBytes(bytes: Uint8Array): number {
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return (hash >>> 0) % PARTITIONS;
}

/** The names of keys and channels under one prefix. */
export class Keys {
  readonly #prefix: string;
  /** Number of partitions, layout, and other settings that all nodes share. */
  readonly config: string;
  /** Sorted set: node → when its entry expires, by the clock of Redis. */
  readonly nodes: string;
  /** Hash: node → who claims it, and its info. */
  readonly nodeInfo: string;
  /** Channel of control messages to all nodes. */
  readonly control: string;
  /** One key for each partition: the run of Redis that its histories belong to. */
  readonly runs: readonly string[];

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.config = `${prefix}:config`;
    this.nodes = `${prefix}:{nodes}`;
    this.nodeInfo = `${prefix}:{nodes}:info`;
    this.control = `${prefix}:ctl`;
    this.runs = Array.from({ length: PARTITIONS }, (_, partition) => this.#run(partition));
  }

  /** The keys of the history of a topic: meta, list, run. */
  history(topic: string): readonly [meta: string, list: string, run: string] {
    const partition = partitionOf(topic);
    const scope = this.#scope(partition);
    return [`${scope}m:${topic}`, `${scope}l:${topic}`, this.runs[partition]!];
  }

  /** Key of the last batch that a node published to a topic. */
  lastBatch(topic: string, node: string): string {
    return `${this.#scope(partitionOf(topic))}b:${topic}:${node}`;
  }

  /** Key of the hash of members. */
  members(topic: string): string {
    return `${this.#scope(partitionOf(topic))}p:${topic}`;
  }

  channel({ kind, topic }: Channel): string {
    return `${this.#scope(partitionOf(topic))}${kind === 'messages' ? 'c' : 'j'}:${topic}`;
  }

  /** Channel of control messages to one node. */
  node(node: string): string {
    return `${this.#prefix}:n:${node}`;
  }

  #scope(partition: number): string {
    return `${this.#prefix}:{${partition}}:`;
  }

  #run(partition: number): string {
    return `${this.#scope(partition)}run`;
  }
}
