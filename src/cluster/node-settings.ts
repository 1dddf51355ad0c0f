import type { Clock } from '../engine/clock.ts';
import type { RandomSource } from '../engine/random.ts';
import type { TopicNodeOwner } from '../server/groups/topic-node.ts';
import type { Engine, ServerControl } from './engine.ts';
import type { RecoveryRoom } from './recovery.ts';
import type { ResolvedHistoryRule, ResolvedPresenceRule } from './rules.ts';

/** What a node of a server needs. */
export interface ClusterNodeSettings {
  readonly owner: TopicNodeOwner;
  /** Default: random. */
  readonly nodeId?: string | undefined;
  /** First match wins. */
  readonly history: readonly ResolvedHistoryRule[];
  readonly presence: readonly ResolvedPresenceRule[];
  /** Default: the in-process engine. */
  readonly engine?: Engine | undefined;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Of the histories in this process, and of the tails. */
  readonly maxHistoryBytes: number;
  /** Of messages; larger ones are refused. */
  readonly maxMessageBytes: number;
  /** Longest time of a call of the engine, and of a resume without an engine. Default 5,000. */
  readonly deadlineMs?: number | undefined;
  /** For an engine that runs whole workers. */
  readonly server?: ServerControl | undefined;
  /** Shared by all nodes of the process. */
  readonly room: RecoveryRoom;
}
