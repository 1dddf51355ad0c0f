import { ClusterNode } from '../../src/cluster/cluster-node.ts';
import type { ClusterNodeSettings } from '../../src/cluster/node-settings.ts';
import { RecoveryRoom } from '../../src/cluster/recovery.ts';
import type { ResolvedHistoryRule } from '../../src/cluster/rules.ts';
import { PreparedMessage } from '../../src/protocol/outgoing/prepared-message.ts';
import { plainRunOf } from '../../src/server/groups/position-follower.ts';
import type { Position } from '../../src/server/groups/topic.ts';
import type { NodeInfo, NodeStats } from '../../src/server/groups/cluster-calls.ts';
import type {
  LocalServer,
  Member,
  MemberList,
  Relayed,
  Resumed,
  TopicMessage,
  TopicNodeOwner,
} from '../../src/server/groups/topic-node.ts';
import { seededRandom, VirtualClock } from '../../src/testing/index.ts';

export const RULE: ResolvedHistoryRule = Object.freeze({
  match: '*',
  maxMessages: 100,
  maxBytes: 1_048_576,
  ttlMs: 300_000,
  positionTtlMs: 86_400_000,
});

export const textOf = ({ message }: TopicMessage): string => message.payload.toString('utf8');
export const offsetsOf = (messages: readonly TopicMessage[]): number[] =>
  messages.map(({ position }) => position!.offset);

/** Lets promise jobs run; nothing else. */
export async function jobs(): Promise<void> {
  for (let i = 0; i < 40; i++) await Promise.resolve();
}

export const INFO: NodeInfo = Object.freeze({
  id: 'unused',
  name: 'a test',
  host: 'vm7',
  pid: 4_711,
  version: '0.1.0',
  since: new Date(0),
});

/** What a server answers to questions of all servers. */
export class RecordedServer implements LocalServer {
  readonly info = INFO;
  /** Number of subscribers of every topic. */
  subscribers = 1;
  readonly connections = new Set<string>();
  readonly broadcasts: string[] = [];
  stats: () => NodeStats = () => madeStats(this.info.id);

  subscriberCount(): number {
    return this.subscribers;
  }

  disconnect(connectionId: string): boolean {
    return this.connections.delete(connectionId);
  }

  broadcast(message: PreparedMessage): { sent: number; skipped: number; failed: number } {
    this.broadcasts.push(message.payload.toString('utf8'));
    return { sent: 1, skipped: 0, failed: 0 };
  }
}

export const madeStats = (id: string, parts: Partial<NodeStats> = {}): NodeStats => ({
  id,
  name: INFO.name,
  host: INFO.host,
  pid: INFO.pid,
  version: INFO.version,
  ready: true,
  reasons: [],
  uptimeMs: 60_000,
  connections: 10,
  slowConnections: 1,
  topics: 2,
  subscriptions: 3,
  messagesReceived: 600,
  messagesSent: 1_200,
  messagesDropped: 0,
  bytesReceived: 6_000,
  bytesSent: 12_000,
  bytesBuffered: 100,
  ...parts,
});

/** A server that writes down what its node of topics calls. */
export class RecordedOwner implements TopicNodeOwner {
  readonly local = new RecordedServer();
  readonly delivered: TopicMessage[] = [];
  /** What `publisher` was at the time of the delivery. */
  readonly publishers: (object | undefined)[] = [];
  readonly losses: { topic: string; position: Position }[] = [];
  readonly events: string[] = [];
  readonly faults: Error[] = [];
  sent = 1;

  deliver(
    _topic: string,
    messages: readonly TopicMessage[],
  ): { sent: number; skipped: number; failed: number } {
    for (const message of messages) {
      this.delivered.push(message);
      this.publishers.push(message.publisher);
    }
    return { sent: this.sent, skipped: 0, failed: 0 };
  }

  lost(topic: string, position: Position): void {
    this.losses.push({ topic, position });
  }

  joined(topic: string, { key, connections }: Member): void {
    this.events.push(`join ${topic} ${key} ${connections}`);
  }

  left(topic: string, { key }: Member): void {
    this.events.push(`leave ${topic} ${key}`);
  }

  counted(topic: string, { count, members }: MemberList): void {
    this.events.push(['count', topic, count, ...(members ?? []).map(({ key }) => key)].join(' '));
  }

  engineUp({ downMs, gaps }: { downMs: number; gaps: number }): void {
    this.events.push(`up ${downMs} ${gaps}`);
  }

  engineDown(error: Error): void {
    this.events.push(`down ${error.message}`);
  }

  engineFault(error: Error): void {
    this.faults.push(error);
  }

  get texts(): string[] {
    return this.delivered.map(textOf);
  }
}

/** A node with a recorded server. */
export class TestNode {
  readonly owner = new RecordedOwner();
  readonly clock: VirtualClock;
  readonly node: ClusterNode;

  constructor(settings: Partial<ClusterNodeSettings> = {}) {
    this.clock = (settings.clock as VirtualClock | undefined) ?? new VirtualClock();
    this.node = new ClusterNode({
      owner: this.owner,
      history: [RULE],
      presence: [],
      clock: this.clock,
      random: seededRandom(1),
      maxHistoryBytes: 64 * 1_048_576,
      maxMessageBytes: 1_048_576,
      room: new RecoveryRoom(),
      ...settings,
    });
    this.node.start();
  }

  publish(topic: string, text: string, publisher?: object): Promise<Relayed> {
    return this.node.publish(topic, new PreparedMessage(text), undefined, publisher);
  }

  /** Lets time pass, with promise jobs at every step. */
  async pass(ms: number, stepMs = 250): Promise<void> {
    await jobs();
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(Math.min(left, stepMs));
      await jobs();
    }
  }
}

/** The answer to a resume. */
export interface Answer {
  readonly result: Resumed | undefined;
  readonly failure: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly sent: () => void;
}

/** Resumes a topic, and joins it, as a connection does. */
export function resume(
  { node }: TestNode,
  topic: string,
  since: Position | undefined,
  joins = true,
): { readonly answer: Answer | undefined; cancel(): void } {
  let answer: Answer | undefined;
  const cancel = node.resume(topic, since, {
    runOf: plainRunOf,
    resumed(result, sent) {
      answer = { result, failure: undefined, retryAfterMs: undefined, sent };
      if (joins) node.subscribe(topic);
    },
    failed(failure, retryAfterMs) {
      answer = { result: undefined, failure, retryAfterMs, sent: () => {} };
    },
  });
  return {
    get answer() {
      return answer;
    },
    cancel,
  };
}
