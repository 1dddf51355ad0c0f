import type { Clock } from '../engine/clock.ts';
import type { NodeInfo } from '../server/groups/cluster-calls.ts';
import type { NodeEntry } from './engine.ts';
import { isName } from './envelope.ts';
import { readNode } from './node-record.ts';

/** A list that is younger than this is not asked for again. */
const FRESH_MS = 1_000;

export interface NodeListOwner {
  readonly clock: Clock;
  own(): NodeInfo;
  isUp(): boolean;
  /** Renews the entry of this node, and hears which nodes are alive, by {@link NodeList.update}. Never rejects. */
  beat(): Promise<void>;
}

/** The nodes that were alive at the last beat. */
export class NodeList {
  readonly #owner: NodeListOwner;
  #others = new Map<string, NodeEntry>();
  #askedMs = -Infinity;
  #asking: Promise<void> | undefined;

  constructor(owner: NodeListOwner) {
    this.#owner = owner;
  }

  /** The ids of the nodes that were alive, without this one. */
  get others(): readonly string[] {
    return [...this.#others.keys()];
  }

  /** @param askedMs When the engine was asked. */
  update(entries: readonly NodeEntry[], askedMs: number): void {
    if (askedMs < this.#askedMs) return;
    this.#askedMs = askedMs;
    this.#others = new Map(entries.map((entry) => [entry.node, entry]));
    this.#others.delete(this.#owner.own().id);
    for (const node of this.#others.keys()) if (!isName(node)) this.#others.delete(node);
  }

  /** Hears which nodes are alive, unless that is known. Many calls cause one beat. Never rejects. */
  refreshed(): Promise<void> {
    const { clock } = this.#owner;
    if (!this.#owner.isUp() || clock.now() - this.#askedMs < FRESH_MS) return Promise.resolve();
    this.#asking ??= this.#owner.beat().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** All nodes, this one first. */
  async infos(): Promise<readonly NodeInfo[]> {
    await this.refreshed();
    const others = Array.from(this.#others.values(), ({ node, info }) => readNode(node, info));
    return [this.#owner.own(), ...others];
  }
}
