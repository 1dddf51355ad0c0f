import type { AdminSnapshot, AdminView } from '../observe/admin/snapshot.ts';
import type { Clock } from '../engine/clock.ts';
import type { RandomSource } from '../engine/random.ts';
import type { Position } from '../options/topic-calls.ts';

/**
 * What joins the nodes of a cluster: it orders, stores and delivers the messages of topics. One object serves one node. An
 * application can write its own; `engineContract` of `hawser/testing` checks it.
 *
 * The node guarantees: one `publish` of a topic at a time, and 64 in total; no call between `disconnected` and `connected`;
 * at most 512 channels in one call of `interest`. The engine guarantees: no call outlives its deadline or the connection to
 * the broker; `deliver` keeps the broker's order of each topic; entries are opaque bytes.
 */
export interface Engine {
  /** For logs and metrics, such as `redis`. */
  readonly name: string;
  readonly capabilities: { readonly history: boolean; readonly presence: boolean };
  /**
   * Largest entry that the broker takes, in bytes, where that is less than `EngineLimits.maxEntryBytes`. A larger message is refused
   * before it is delivered to local subscribers. Missing: no such limit, or not known yet.
   */
  readonly maxEntryBytes?: number | undefined;
  /** Connects. It may take as long as the broker is away. Calls `host.connected` each time that the broker can be used. */
  start(host: EngineHost): Promise<void>;
  /** Disconnects. Never closes an object that the application passed in. */
  stop(deadlineMs: number): Promise<void>;
  /**
   * Sends one batch of one topic; with `history`, numbers and stores it in the same step.
   * @returns The positions of the batch, `undefined` without history. Rejects with `ERR_ENGINE_DOWN` (the batch may have been
   *   published) or `ERR_ENGINE_REFUSED` (it was not).
   */
  publish(batch: Batch): Promise<Published | undefined>;
  /** Resolves when the broker delivers `add` and no longer `remove`. The interest ends with the connection to the broker. */
  interest(add: readonly Channel[], remove: readonly Channel[]): Promise<void>;
  /** Reads what follows `since`; the whole history without `since`, or if `since` is of another epoch. */
  read(topic: string, since: Position | undefined, history: HistoryLimits): Promise<HistoryRead>;
  /** The current positions, in bulk; `undefined` for a topic without history. */
  positions(topics: readonly string[]): Promise<readonly (Position | undefined)[]>;
  /** Sets members by field, at most 64, and delivers the changes to nodes that are interested in the members of the topic. */
  enter(topic: string, members: ReadonlyMap<string, Uint8Array>): Promise<void>;
  /** Removes members by field, at most 64, and delivers the changes. */
  leave(topic: string, fields: readonly string[]): Promise<void>;
  /** Reads the members of a topic. @param max Above this number of members, the answer has no entries. */
  members(topic: string, max: number): Promise<MembersRead>;
  /** Renews the entry of this node. @returns The nodes that are alive. Rejects if another node with this id is alive. */
  beat(info: Uint8Array, ttlMs: number): Promise<readonly NodeEntry[]>;
  /** Sends a control message to one node or to all nodes, this one included. */
  tell(to: { readonly node: string } | 'all', bytes: Uint8Array): Promise<void>;
  /**
   * The node found that the engine delivers nothing although it looks healthy. The engine closes its connections to the broker,
   * calls `host.disconnected`, and connects again.
   */
  reconnect(reason: Error): void;
}

/** What a node can be interested in: the messages of a topic, or the changes of its members. */
export interface Channel {
  readonly kind: 'messages' | 'members';
  readonly topic: string;
}

/** Messages of one topic that are published in one step. */
export interface Batch {
  readonly topic: string;
  /** The node that publishes. */
  readonly node: string;
  /** Number of the batch: greater than that of every earlier batch of this node. */
  readonly seq: number;
  /**
   * The batch was sent before, and its answer was lost: the engine looks whether it has it already. An engine whose calls can
   * overtake each other across a reconnect also ignores a batch with a smaller number than the last one of its node and topic.
   */
  readonly again: boolean;
  /** At most 64, at most 256 KiB together unless there is only one. */
  readonly entries: readonly Uint8Array[];
  /** Missing for a topic without history. */
  readonly history?: HistoryLimits | undefined;
}

/** How much of the history of a topic is kept, and for how long. */
export interface HistoryLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly ttlMs: number;
  readonly positionTtlMs: number;
  /** The epoch of the history, if this call creates it. */
  readonly candidateEpoch: string;
}

/** Where a batch with history was stored. */
export interface Published {
  readonly epoch: string;
  /** Offset of the first entry. */
  readonly first: number;
  /** The batch was stored by an earlier call. */
  readonly again: boolean;
}

/** The answer to a read of a history. */
export interface HistoryRead {
  readonly epoch: string;
  /** Offset of the last message of the history; 0 for an empty one. */
  readonly top: number;
  /** Offset of `entries[0]`; `top + 1` without entries. */
  readonly first: number;
  readonly entries: readonly Uint8Array[];
}

/** The answer to a read of the members of a topic. */
export interface MembersRead {
  readonly count: number;
  /** By field. Missing above the maximum. */
  readonly entries?: ReadonlyMap<string, Uint8Array> | undefined;
}

/** A node that is alive. */
export interface NodeEntry {
  readonly node: string;
  readonly info: Uint8Array;
}

/** Origin and order of the entries that an engine delivers. */
export interface ArrivalHeader {
  readonly node: string;
  readonly seq: number;
  /** Missing for a topic without history. */
  readonly epoch?: string | undefined;
  /** Offset of the first entry; 0 without history. */
  readonly first: number;
}

/** The node, as its engine sees it. */
export interface EngineHost {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly limits: EngineLimits;
  /** The server of this node, for an engine that runs whole workers; `undefined` for a node without one. */
  readonly server?: ServerControl | undefined;
  /** The broker can be used. Interest must be announced anew. */
  connected(): void;
  /** The broker cannot be used. Calls that are pending have rejected. */
  disconnected(error: Error): void;
  /**
   * Delivers messages; on a channel of members, changes as `memberChange` writes them. Does not throw. The node copies what it
   * keeps of entries that are views of larger memory; other entries must not change afterwards.
   */
  deliver(channel: Channel, header: ArrivalHeader, entries: readonly Uint8Array[]): void;
  /** Delivers a control message. Does not throw. */
  control(bytes: Uint8Array): void;
  /** The engine dropped a foreign or broken message, or something failed that no call answers for. Does not throw. */
  fault(error: Error): void;
}

/** What an engine that runs whole workers does with a server. */
export interface ServerControl {
  /** The metrics of the server and its process, as text for Prometheus. */
  metrics(): string;
  /** A snapshot for each view, without the other servers of the cluster. */
  snapshots?(views: readonly AdminView[]): Promise<readonly AdminSnapshot[]>;
  /** Closes the server in order; connections that are open after `timeoutMs` are destroyed. */
  shutdown(timeoutMs: number): Promise<unknown>;
}

/** Limits that the node gives its engine. */
export interface EngineLimits {
  /** Longest time of a call, in ms. */
  readonly deadlineMs: number;
  /** Largest entry, in bytes. */
  readonly maxEntryBytes: number;
  /** Most bytes of histories that an engine may keep in this process. */
  readonly maxHistoryBytes: number;
}
