import type { Position } from '../../../src/options/topic-calls.ts';
import { PreparedMessage } from '../../../src/protocol/outgoing/prepared-message.ts';
import type {
  MemberList,
  Relayed,
  ResumeWaiter,
  TopicMessage,
  TopicNode,
  TopicNodeOwner,
} from '../../../src/server/groups/topic-node.ts';

/** A node that a test controls: an engine that is slow, busy, down, or loses messages. */
export class FakeNode implements TopicNode {
  state: TopicNode['state'] = 'up';
  readonly owner: TopicNodeOwner;
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
