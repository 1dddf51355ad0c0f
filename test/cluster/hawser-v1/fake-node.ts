import type { TestContext } from 'node:test';
import type { Engine } from '../../../src/cluster/engine.ts';
import type { ServerOptions } from '../../../src/index.ts';
import type { Position } from '../../../src/options/topic-calls.ts';
import { PreparedMessage } from '../../../src/protocol/outgoing/prepared-message.ts';
import type { NodeInfo, OtherAnswers } from '../../../src/server/groups/cluster-calls.ts';
import type {
  LoadedNode,
  MemberList,
  OtherNodes,
  Relayed,
  ResumeWaiter,
  TopicMessage,
  TopicNode,
  TopicNodeOwner,
} from '../../../src/server/groups/topic-node.ts';
import { v1Server, type V1Server } from './peer.ts';

/** A node that a test controls: an engine that is slow, busy, down, or loses messages. */
export class FakeNode implements LoadedNode, OtherNodes {
  state: TopicNode['state'] = 'up';
  readonly owner: TopicNodeOwner;
  readonly others: OtherNodes = this;
  /** Calls in order, as words. */
  readonly calls: string[] = [];
  readonly resumes: {
    readonly waiter: ResumeWaiter;
    readonly since: Position | undefined;
    isCancelled: boolean;
  }[] = [];
  readonly publishes: {
    readonly publisher: object | undefined;
    readonly resolve: (result: Relayed) => void;
  }[] = [];
  list: MemberList | Error = { count: 0, members: [] };

  constructor(owner: TopicNodeOwner) {
    this.owner = owner;
  }

  start(): void {
    this.calls.push('start');
  }

  retire(): Promise<void> {
    this.calls.push('retire');
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.calls.push('stop');
    for (const { resolve } of this.publishes.splice(0))
      resolve({ ok: false, error: new Error('stopped'), outcome: 'unknown' });
    return Promise.resolve();
  }

  hasHistory(): boolean {
    return true;
  }

  hasPresence(): boolean {
    return true;
  }

  fits(): boolean {
    return true;
  }

  subscribe(topic: string): void {
    this.calls.push(`subscribe ${topic}`);
  }

  unsubscribe(topic: string): void {
    this.calls.push(`unsubscribe ${topic}`);
  }

  publish(
    topic: string,
    message: PreparedMessage,
    _except: unknown,
    publisher: object | undefined,
  ): Promise<Relayed> {
    this.calls.push(`publish ${topic} ${message.payload.toString()}`);
    return new Promise((resolve) => {
      this.publishes.push({ publisher, resolve });
    });
  }

  resume(topic: string, since: Position | undefined, waiter: ResumeWaiter): () => void {
    this.calls.push(`resume ${topic}`);
    const resume = { waiter, since, isCancelled: false };
    this.resumes.push(resume);
    return () => {
      resume.isCancelled = true;
    };
  }

  position(): Promise<Position> {
    return Promise.resolve({ epoch: 'e', offset: 7 });
  }

  enter(topic: string, _connection: string, key: string, info: unknown): void {
    this.calls.push(`enter ${topic} ${key} ${JSON.stringify(info)}`);
  }

  leave(topic: string): void {
    this.calls.push(`leave ${topic}`);
  }

  members(): Promise<MemberList> {
    return this.list instanceof Error ? Promise.reject(this.list) : Promise.resolve(this.list);
  }

  nodes(): Promise<readonly NodeInfo[]> {
    return Promise.resolve([this.owner.local.info]);
  }

  ask(question: string, subject: string): Promise<OtherAnswers<never>> {
    this.calls.push(`ask ${question} ${subject}`);
    return Promise.resolve({ values: new Map<string, never>(), missing: [] });
  }

  broadcast(frame: Uint8Array): Promise<Relayed> {
    this.calls.push(`broadcast ${frame.length}`);
    return Promise.resolve({ ok: true });
  }

  watch(topic: string): void {
    this.calls.push(`watch ${topic}`);
  }

  unwatch(topic: string): void {
    this.calls.push(`unwatch ${topic}`);
  }

  /** The calls so far, which are forgotten. */
  taken(): string[] {
    return this.calls.splice(0);
  }
}

export const topicMessage = (
  topic: string,
  offset: number,
  data = `m${offset}`,
  more: Partial<TopicMessage> = {},
): TopicMessage => ({
  topic,
  message: new PreparedMessage(data),
  position: { epoch: 'e', offset },
  except: undefined,
  publisher: undefined,
  wireFrame: undefined,
  ...more,
});

/** A position in the history of a {@link FakeNode}. */
export const at = (offset: number): Position => ({ epoch: 'e', offset });

/** An object with the methods of an engine. The node that a test controls does not call it. */
export const idleEngine = Object.fromEntries(
  [
    'start',
    'stop',
    'publish',
    'interest',
    'read',
    'positions',
    'enter',
    'leave',
    'members',
    'beat',
    'tell',
    'reconnect',
  ].map((name) => [name, () => Promise.resolve()]),
) as unknown as Engine;
Object.assign(idleEngine, { name: 'fake', capabilities: { history: true, presence: true } });

/** Options that give every topic history and presence. */
export const HISTORY_AND_PRESENCE: ServerOptions = { history: { match: '*' }, presence: { match: '*' } };

/** A server whose node the test controls; every topic has history and presence. */
export function controlled(
  t: TestContext,
  options: ServerOptions = {},
): V1Server & { readonly node: () => FakeNode } {
  let node: FakeNode | undefined;
  const server = v1Server(
    t,
    { ...HISTORY_AND_PRESENCE, ...options },
    (owner) => (node = new FakeNode(owner)),
  );
  return { ...server, node: () => node! };
}
