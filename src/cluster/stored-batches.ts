import type { Position } from '../server/groups/topic.ts';
import type { OwnBatch } from './publish-queue.ts';

/**
 * Batches of this node that the engine has stored, and that have not come back. Their results wait: they count the local
 * subscribers.
 */
export class StoredBatches {
  #batches: OwnBatch[] = [];

  add(batch: OwnBatch): void {
    this.#batches.push(batch);
  }

  find(seq: number): OwnBatch | undefined {
    return this.#batches.find((batch) => batch.seq === seq);
  }

  /** Settles the batches that a position has passed. */
  passed({ epoch, offset }: Position): void {
    if (this.#batches.length === 0) return;
    this.#batches = this.#batches.filter((batch) => {
      if (batch.stored!.epoch === epoch && batch.stored!.first > offset) return true;
      settleStored(batch);
      return false;
    });
  }

  /** Settles all batches if the oldest was stored before a time. @returns Whether it was. */
  expire(beforeMs: number): boolean {
    const oldest = this.#batches[0];
    if (oldest === undefined || oldest.stored!.atMs > beforeMs) return false;
    this.settle();
    return true;
  }

  /** Settles all batches. */
  settle(): void {
    for (const batch of this.#batches) settleStored(batch);
    this.#batches = [];
  }
}

/** Settles a stored batch with its positions. */
export function settleStored({ messages, stored }: OwnBatch): void {
  const { epoch, first } = stored!;
  messages.forEach((message, at) => message.published({ epoch, offset: first + at }));
}
