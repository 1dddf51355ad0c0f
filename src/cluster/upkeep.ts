import type { Buffer } from 'node:buffer';
import type { Clock } from '../engine/clock.ts';
import { EngineError } from '../protocol/errors.ts';
import type { Position } from '../server/groups/topic.ts';
import type { LocalServer } from '../server/groups/topic-node.ts';
import { controlMessage } from './control-messages.ts';
import type { Engine, NodeEntry } from './engine.ts';
import { writeNode } from './node-record.ts';
import type { TopicLog } from './topic-log.ts';

const TICK_MS = 500;
/** A live topic without arrivals for this long has its position compared with that of the engine. */
const POSITION_CHECK_MS = 20_000;
/** Most positions in one call of the engine. */
const POSITIONS = 500;
/** Delay after positions could not be compared. */
const CHECK_AGAIN_MS = 5_000;
/** A node that hears nothing for this long sends itself a probe, and waits for it this long. */
const SILENCE_MS = 10_000;
const PROBE_TIMEOUT_MS = 5_000;
/** How long the engine may take to deliver a batch of this node that it has stored. */
const ECHO_MS = 1_000;
const BEAT_MS = 10_000;
const NODE_TTL_MS = 30_000;
/** Kind of the control message that a node sends itself. */
export const PROBE = 'probe';

export interface UpkeepOwner {
  readonly clock: Clock;
  readonly nodeId: string;
  readonly deadlineMs: number;
  readonly server: { readonly local: LocalServer };
  isUp(): boolean;
  /** Whether the node expects arrivals. */
  isInterested(): boolean;
  logs(): Iterable<TopicLog>;
  /**
   * The nodes that are alive, as the engine knows them.
   * @param askedMs When it was asked.
   * @param isLate The entry of this node may have expired before.
   */
  nodesAlive(entries: readonly NodeEntry[], askedMs: number, isLate: boolean): void;
  fault(error: unknown): void;
}

/**
 * What a node that is not alone does every half second: it fails resumes that waited too long, looks for batches that did not come
 * back, compares positions, proves that the engine still delivers, and renews its own entry among the nodes.
 */
export class Upkeep {
  readonly #owner: UpkeepOwner;
  readonly #engine: Engine;
  readonly #info: Buffer;
  #timer: unknown;
  #heardMs: number;
  #probes = 0;
  #probedMs: number | undefined;
  #checks = false;
  #checkFromMs = 0;
  #beatMs = -Infinity;
  #isRetired = false;

  constructor(engine: Engine, owner: UpkeepOwner) {
    this.#engine = engine;
    this.#owner = owner;
    this.#heardMs = owner.clock.now();
    this.#info = writeNode(owner.server.local.info);
  }

  start(): void {
    this.#timer = this.#owner.clock.setTimer(() => {
      this.#tick(this.#owner.clock.now());
      this.start();
    }, TICK_MS);
  }

  stop(): void {
    this.#owner.clock.clearTimer(this.#timer);
  }

  /** Lets the entry of this node expire. */
  retire(): void {
    this.#isRetired = true;
  }

  /** The engine can be used again. */
  connected(): void {
    this.heard();
    this.#checks = false;
    void this.beat();
  }

  /** The engine delivered something. */
  heard(): void {
    this.#heardMs = this.#owner.clock.now();
    this.#probedMs = undefined;
  }

  /** Renews the entry of this node, and hears which nodes are alive. Never rejects. Does nothing for a retired node. */
  async beat(): Promise<void> {
    if (this.#isRetired) return;
    const askedMs = this.#owner.clock.now();
    const isLate = Number.isFinite(this.#beatMs) && askedMs - this.#beatMs >= NODE_TTL_MS;
    this.#beatMs = askedMs;
    try {
      const entries = await this.#engine.beat(this.#info, NODE_TTL_MS);
      this.#owner.nodesAlive(entries, askedMs, isLate);
    } catch (error) {
      this.#owner.fault(error);
    }
  }

  #tick(nowMs: number): void {
    const { deadlineMs } = this.#owner;
    const unheard: TopicLog[] = [];
    for (const log of this.#owner.logs()) {
      log.expireResumes(nowMs - deadlineMs);
      log.expireAwaited(nowMs - ECHO_MS);
      if (log.state === 'live' && nowMs - log.heardMs >= POSITION_CHECK_MS) unheard.push(log);
    }
    if (!this.#owner.isUp()) return;
    if (unheard.length > 0 && !this.#checks && nowMs >= this.#checkFromMs)
      this.#compare(unheard.slice(0, POSITIONS));
    if (nowMs - this.#beatMs >= BEAT_MS) void this.beat();
    if (this.#owner.isInterested()) this.#probe(nowMs);
    else this.heard();
  }

  #compare(logs: readonly TopicLog[]): void {
    const own = logs.map(({ position }) => position!);
    this.#checks = true;
    this.#attempt(async () => {
      let positions: readonly (Position | undefined)[];
      try {
        positions = await this.#engine.positions(logs.map(({ topic }) => topic));
      } catch (error) {
        this.#checkFromMs = this.#owner.clock.now() + CHECK_AGAIN_MS;
        throw error;
      } finally {
        this.#checks = false;
      }
      logs.forEach((log, at) => log.compare(positions[at], own[at]!));
    });
  }

  #probe(nowMs: number): void {
    if (this.#probedMs !== undefined) {
      if (nowMs - this.#probedMs < PROBE_TIMEOUT_MS) return;
      this.heard();
      this.#engine.reconnect(
        new EngineError('ERR_ENGINE_DOWN', 'the engine delivers nothing: a probe did not come back'),
      );
    } else if (nowMs - this.#heardMs >= SILENCE_MS) {
      this.#probedMs = nowMs;
      const bytes = controlMessage(PROBE, String(++this.#probes));
      this.#attempt(() => this.#engine.tell({ node: this.#owner.nodeId }, bytes));
    }
  }

  #attempt(call: () => Promise<void>): void {
    try {
      call().catch((error: unknown) => this.#owner.fault(error));
    } catch (error) {
      this.#owner.fault(error);
    }
  }
}
