import type { HistorySettings, PresenceSettings } from '../../options/topic-options.ts';
import type { Position } from '../../options/topic-calls.ts';
import type { ResumeResult } from '../../observe/observer.ts';
import { EngineError } from '../../protocol/errors.ts';
import type { PreparedMessage } from '../../protocol/outgoing/prepared-message.ts';
import type { ConnectionIds } from './broadcast.ts';
import type { CallLimits, NodeAnswers, NodeInfo, NodeQuestion, OtherAnswers } from './cluster-calls.ts';
import type { LoadedNode, MemberList, OtherNodes, Relayed, ResumeWaiter, TopicNode } from './topic-node.ts';

/** What a {@link NodeGate} knows before it loads the node. */
export interface NodeRules {
  readonly history: readonly HistorySettings[];
  readonly presence: readonly PresenceSettings[];
  /** The engine; `undefined` for that of this process. */
  readonly cluster: unknown;
}

/** The server that needs the node. */
export interface NodeGateOwner {
  /** Loads the code, and makes the node. Called at the first use, once. */
  load(): Promise<LoadedNode>;
  /** Loading failed: nothing works that needs the node. */
  loadFailed(error: unknown): void;
  /** A resume at a position ended. */
  resumed(topic: string, result: ResumeResult): void;
  /** A function `match` of the application failed; its rule does not apply. */
  matchFailed(error: unknown): void;
}

/**
 * Loads the {@link TopicNode} of a server when it is first needed, and starts it. Calls that come before it is loaded wait, and
 * are made in order.
 */
export class NodeGate implements TopicNode, OtherNodes {
  /** Whether the engine is that of this process, so that nothing has to be sent to other servers. */
  readonly isLocal: boolean;
  readonly #owner: NodeGateOwner;
  readonly #rules: NodeRules;
  #node: LoadedNode | undefined;
  #opening: Promise<void> | undefined;
  #waiting: ((node: LoadedNode | undefined) => void)[] = [];
  /** The node was stopped, or could not be loaded. */
  #isOver = false;

  constructor(owner: NodeGateOwner, rules: NodeRules) {
    this.#owner = owner;
    this.#rules = rules;
    this.isLocal = rules.cluster === undefined;
  }

  get state(): TopicNode['state'] {
    return this.#node?.state ?? (this.isLocal ? 'alone' : 'down');
  }

  /** Whether the node is loaded. */
  get isOpen(): boolean {
    return this.#node !== undefined;
  }

  start(): void {
    void this.open();
  }

  /** Loads and starts the node. The promise never rejects. */
  open(): Promise<void> {
    this.#opening ??= this.#isOver ? Promise.resolve() : this.#load();
    return this.#opening;
  }

  async retire(deadlineMs: number): Promise<void> {
    await this.#opening;
    await this.#node?.retire(deadlineMs);
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#isOver = true;
    await this.#opening;
    await this.#node?.stop(deadlineMs);
  }

  /** The rule for the history of a topic; `undefined` without history. */
  historyOf(topic: string): HistorySettings | undefined {
    return this.#rules.history.find((rule) => this.#matches(rule.match, topic));
  }

  hasHistory(topic: string): boolean {
    return this.historyOf(topic) !== undefined;
  }

  hasPresence(topic: string): boolean {
    return this.#rules.presence.some((rule) => this.#matches(rule.match, topic));
  }

  subscribe(topic: string): void {
    this.#with((node) => node?.subscribe(topic));
  }

  unsubscribe(topic: string): void {
    this.#with((node) => node?.unsubscribe(topic));
  }

  fits(message: PreparedMessage, except: ConnectionIds): boolean {
    return this.#node?.fits(message, except) ?? true;
  }

  publish(
    topic: string,
    message: PreparedMessage,
    except: ConnectionIds,
    publisher: object | undefined,
  ): Promise<Relayed> {
    if (this.#node !== undefined) return this.#node.publish(topic, message, except, publisher);
    return new Promise((resolve) => {
      this.#with((node) => {
        if (node !== undefined) return resolve(node.publish(topic, message, except, publisher));
        // Without history, local subscribers have the message already.
        const outcome = this.hasHistory(topic) ? 'not-published' : 'unknown';
        resolve({ ok: false, error: new EngineError('ERR_ENGINE_DOWN'), outcome });
      });
    });
  }

  resume(topic: string, since: Position | undefined, asked: ResumeWaiter): () => void {
    const waiter = since === undefined ? asked : this.#reported(topic, asked);
    if (this.#node !== undefined) return this.#node.resume(topic, since, waiter);
    let isCancelled = false;
    let cancel = (): void => {
      isCancelled = true;
    };
    this.#with((node) => {
      if (isCancelled) return;
      if (node === undefined) waiter.failed('unavailable', undefined);
      else cancel = node.resume(topic, since, waiter);
    });
    return () => cancel();
  }

  position(topic: string): Promise<Position> {
    return this.#ask((node) => node.position(topic));
  }

  members(topic: string): Promise<MemberList> {
    return this.#ask((node) => node.members(topic));
  }

  enter(topic: string, connectionId: string, key: string, info: unknown): void {
    this.#with((node) => node?.enter(topic, connectionId, key, info));
  }

  leave(topic: string, connectionId: string): void {
    this.#with((node) => node?.leave(topic, connectionId));
  }

  watch(topic: string): void {
    this.#with((node) => node?.watch(topic));
  }

  unwatch(topic: string): void {
    this.#with((node) => node?.unwatch(topic));
  }

  async nodes(): Promise<readonly NodeInfo[]> {
    return (await this.#loaded())?.others.nodes() ?? [];
  }

  async ask<Question extends NodeQuestion>(
    question: Question,
    subject: string,
    limits: CallLimits,
  ): Promise<OtherAnswers<NodeAnswers[Question]>> {
    const node = await this.#loaded();
    return node?.others.ask(question, subject, limits) ?? { values: new Map(), missing: [] };
  }

  async broadcast(frame: Uint8Array, limits: CallLimits): Promise<Relayed> {
    const node = this.#node ?? (await this.#loaded());
    return (
      node?.others.broadcast(frame, limits) ?? {
        ok: false,
        error: new EngineError('ERR_ENGINE_DOWN'),
        outcome: 'not-published',
      }
    );
  }

  /** A waiter that also reports how the resume ended. */
  #reported(topic: string, waiter: ResumeWaiter): ResumeWaiter {
    const owner = this.#owner;
    return {
      runOf: (missed) => waiter.runOf(missed),
      resumed(result, sent) {
        owner.resumed(topic, result.recovered ? 'recovered' : 'not-recovered');
        waiter.resumed(result, sent);
      },
      failed(code, retryAfterMs) {
        owner.resumed(topic, code);
        waiter.failed(code, retryAfterMs);
      },
    };
  }

  async #load(): Promise<void> {
    try {
      const node = await this.#owner.load();
      // Before the calls that wait: they may make calls themselves.
      this.#node = node;
      node.start();
    } catch (error) {
      this.#isOver = true;
      this.#owner.loadFailed(error);
    }
    for (const call of this.#waiting.splice(0)) call(this.#node);
  }

  /** Makes a call now, or when the node is loaded; with `undefined`, if there will be no node. */
  #with(call: (node: LoadedNode | undefined) => void): void {
    if (this.#node !== undefined || this.#isOver) call(this.#node);
    else {
      this.#waiting.push(call);
      void this.open();
    }
  }

  /** The node, once it is loaded; `undefined` if there will be none. */
  #loaded(): Promise<LoadedNode | undefined> {
    return new Promise((resolve) => this.#with(resolve));
  }

  #ask<Result>(question: (node: TopicNode) => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#with((node) => {
        if (node === undefined) reject(new EngineError('ERR_ENGINE_DOWN'));
        else question(node).then(resolve, reject);
      });
    });
  }

  #matches(match: (topic: string) => boolean, topic: string): boolean {
    try {
      return match(topic);
    } catch (error) {
      this.#owner.matchFailed(error);
      return false;
    }
  }
}
