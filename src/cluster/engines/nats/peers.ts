import type { NodeEntry } from '../../engine.ts';
import type { PeerRecord } from './control-message.ts';

/** How long a node that has joined counts as alive before its first beat. */
export const JOINED_MS = 30_000;

interface Peer {
  record: PeerRecord;
  expiresMs: number;
  /** It did not answer a question, and nothing has come from it since. */
  isSilent: boolean;
}

/** The nodes that are alive, this one included, by the clock of this node. No timer: expired nodes are dropped lazily. */
export class Peers {
  readonly #peers = new Map<string, Peer>();
  readonly #gone: (node: string) => void;

  /** @param gone Called for each node that has left or expired. */
  constructor(gone: (node: string) => void) {
    this.#gone = gone;
  }

  /** @returns Whether the node was unknown. */
  beat(record: PeerRecord, nowMs: number): boolean {
    this.expire(nowMs);
    const { node, claim, info, ttlMs } = record;
    const known = this.#peers.get(node);
    const isNew = known === undefined || known.record.claim !== claim;
    // A node that says only that it joined again keeps its info.
    const kept = isNew || info !== undefined ? record : { ...record, info: known.record.info };
    if (ttlMs === 0) this.remove(node);
    else this.#peers.set(node, { record: kept, expiresMs: nowMs + ttlMs, isSilent: false });
    return isNew;
  }

  /** What another node says about a node. It never shortens what is known. */
  hearsay(record: PeerRecord, nowMs: number): void {
    const known = this.#peers.get(record.node);
    if (known === undefined) this.beat(record, nowMs);
    else if (known.record.claim === record.claim)
      known.expiresMs = Math.max(known.expiresMs, nowMs + record.ttlMs);
  }

  /** Something came from a node: it answers again. */
  heard(node: string): void {
    const peer = this.#peers.get(node);
    if (peer !== undefined) peer.isSilent = false;
  }

  silent(node: string): void {
    const peer = this.#peers.get(node);
    if (peer !== undefined) peer.isSilent = true;
  }

  remove(node: string): void {
    if (this.#peers.delete(node)) this.#gone(node);
  }

  expire(nowMs: number): void {
    for (const [node, { expiresMs }] of this.#peers) if (expiresMs <= nowMs) this.remove(node);
  }

  /** This node heard nothing for a while through no fault of the others: each has its time again. */
  restart(nowMs: number): void {
    for (const peer of this.#peers.values()) peer.expiresMs = nowMs + peer.record.ttlMs;
  }

  claimOf(node: string): string | undefined {
    return this.#peers.get(node)?.record.claim;
  }

  /** Nodes that answer questions. */
  answering(): Set<string> {
    const nodes = new Set<string>();
    for (const [node, { isSilent }] of this.#peers) if (!isSilent) nodes.add(node);
    return nodes;
  }

  names(): IterableIterator<string> {
    return this.#peers.keys();
  }

  /** What this node tells one that joins. */
  records(nowMs: number): readonly PeerRecord[] {
    this.expire(nowMs);
    return Array.from(this.#peers.values(), ({ record, expiresMs }) => ({
      ...record,
      ttlMs: Math.ceil(expiresMs - nowMs),
    }));
  }

  /** The nodes that have beaten. */
  entries(nowMs: number): readonly NodeEntry[] {
    this.expire(nowMs);
    const entries: NodeEntry[] = [];
    for (const [node, { record }] of this.#peers)
      if (record.info !== undefined) entries.push({ node, info: record.info });
    return entries;
  }
}
