import type { Buffer } from 'node:buffer';
import type { Clock } from '../engine/clock.ts';
import { EngineError } from '../protocol/errors.ts';
import type { CallLimits } from '../server/groups/cluster-calls.ts';
import type { LocalServer, Relayed } from '../server/groups/topic-node.ts';
import { decodeEntry } from './envelope.ts';
import { readBroadcast, writeBroadcast } from './request-messages.ts';

/** Most broadcasts, and most bytes of them, that the engine has not taken. */
const MAX_WAITING = 10_000;
const MAX_WAITING_BYTES = 8 * 1_048_576;

/** The node that broadcasts. */
export interface BroadcastsOwner {
  readonly clock: Clock;
  readonly nodeId: string;
  readonly server: LocalServer;
  readonly maxEntryBytes: number;
  isUp(): boolean;
  tell(to: 'all', bytes: Uint8Array): Promise<void>;
}

/** A broadcast that the engine has not taken. */
interface Waiting {
  readonly bytes: Buffer;
  isSent: boolean;
  end(result: Relayed): void;
}

/** Messages to the connections of all nodes, in the order of the calls. While the engine is away, they wait for it. */
export class Broadcasts {
  readonly #owner: BroadcastsOwner;
  readonly #waiting = new Set<Waiting>();
  #bytes = 0;
  #isOver = false;

  constructor(owner: BroadcastsOwner) {
    this.#owner = owner;
  }

  /** See `OtherNodes.broadcast`. */
  broadcast(frame: Uint8Array, { deadlineMs, signal }: CallLimits): Promise<Relayed> {
    const { clock, nodeId, maxEntryBytes } = this.#owner;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const bytes = writeBroadcast(nodeId, frame);
      const refusal = this.#refusal(bytes.length, maxEntryBytes);
      if (refusal !== undefined) {
        resolve({ ok: false, error: refusal, outcome: 'not-published' });
        return;
      }
      const forget = (): void => {
        if (this.#waiting.delete(waiting)) this.#bytes -= bytes.length;
        clock.clearTimer(timer);
        signal?.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        forget();
        reject(signal?.reason);
      };
      const waiting: Waiting = {
        bytes,
        isSent: false,
        end: (result) => {
          forget();
          resolve(result);
        },
      };
      const timer = clock.setTimer(
        () => waiting.end(lost(waiting, `it did not take a broadcast within ${deadlineMs} ms`)),
        deadlineMs,
      );
      signal?.addEventListener('abort', abort);
      this.#waiting.add(waiting);
      this.#bytes += bytes.length;
      if (this.#owner.isUp()) void this.#send(waiting);
    });
  }

  /** The engine can be used. */
  online(): void {
    for (const waiting of this.#waiting) if (!waiting.isSent) void this.#send(waiting);
  }

  stop(): void {
    this.#isOver = true;
    for (const waiting of this.#waiting) waiting.end(lost(waiting, 'the node has stopped'));
  }

  /**
   * Another node broadcasts. @param body What follows the word `broadcast`.
   * @throws EngineError `ERR_ENGINE_MESSAGE` unless it is as `writeBroadcast` writes it, with the frame of a text or binary message.
   */
  received(body: Uint8Array): void {
    const { nodeId, server, maxEntryBytes } = this.#owner;
    const { from, frame } = readBroadcast(body);
    if (from === nodeId) return;
    const { message, except } = decodeEntry(frame, maxEntryBytes);
    if (except !== undefined)
      throw new EngineError('ERR_ENGINE_MESSAGE', 'a broadcast has bytes after its frame');
    server.broadcast(message);
  }

  #refusal(length: number, maxEntryBytes: number): EngineError | undefined {
    if (this.#isOver) return new EngineError('ERR_ENGINE_DOWN', 'the node has stopped');
    if (length > maxEntryBytes)
      return new EngineError(
        'ERR_ENGINE_REFUSED',
        `a broadcast of ${length} bytes; the limit is ${maxEntryBytes}`,
      );
    if (this.#waiting.size >= MAX_WAITING || this.#bytes + length > MAX_WAITING_BYTES)
      return new EngineError('ERR_ENGINE_FULL', `${this.#waiting.size} broadcasts wait for the engine`);
    return undefined;
  }

  async #send(waiting: Waiting): Promise<void> {
    waiting.isSent = true;
    try {
      await this.#owner.tell('all', waiting.bytes);
      waiting.end({ ok: true });
    } catch (error) {
      const reason = error instanceof EngineError ? error : new EngineError('ERR_ENGINE_DOWN', String(error));
      const outcome = reason.code === 'ERR_ENGINE_REFUSED' ? 'not-published' : 'unknown';
      waiting.end({ ok: false, error: reason, outcome });
    }
  }
}

const lost = ({ isSent }: Waiting, why: string): Relayed => ({
  ok: false,
  error: new EngineError('ERR_ENGINE_DOWN', why),
  outcome: isSent ? 'unknown' : 'not-published',
});
