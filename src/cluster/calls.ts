import type { Clock } from '../engine/clock.ts';
import type {
  CallLimits,
  NodeAnswers,
  NodeInfo,
  NodeQuestion,
  OtherAnswers,
} from '../server/groups/cluster-calls.ts';
import type { LocalServer, OtherNodes, Relayed } from '../server/groups/topic-node.ts';
import { Broadcasts } from './broadcasts.ts';
import type { ControlMessages } from './control-messages.ts';
import type { Engine, NodeEntry } from './engine.ts';
import { NodeList } from './node-list.ts';
import { Requests } from './requests.ts';

export interface CallsOwner {
  readonly clock: Clock;
  readonly nodeId: string;
  readonly engine: Engine;
  readonly server: { readonly local: LocalServer };
  readonly maxEntryBytes: number;
  isUp(): boolean;
  /** Renews the entry of this node; the nodes that are alive come by {@link Calls.nodesAlive}. Never rejects. */
  beat(): Promise<void>;
  fault(error: unknown): void;
}

/** Calls to all nodes, and what other nodes call here. */
export class Calls implements OtherNodes {
  readonly #list: NodeList;
  readonly #requests: Requests;
  readonly #broadcasts: Broadcasts;

  constructor(owner: CallsOwner, control: ControlMessages) {
    const { clock, nodeId, engine, maxEntryBytes } = owner;
    const { local: server } = owner.server;
    const isUp = (): boolean => owner.isUp();
    this.#list = new NodeList({
      clock,
      own: () => ({ ...server.info, id: nodeId }),
      isUp,
      beat: () => owner.beat(),
    });
    const tell: Engine['tell'] = async (to, bytes) => engine.tell(to, bytes);
    this.#requests = new Requests({
      clock,
      nodeId,
      server,
      isUp,
      tell,
      others: () => this.#list.others,
      refreshed: () => this.#list.refreshed(),
      fault: (error) => owner.fault(error),
    });
    this.#broadcasts = new Broadcasts({ clock, nodeId, server, maxEntryBytes, isUp, tell });
    control.on('ask', (body) => this.#requests.asked(body));
    control.on('answer', (body) => this.#requests.answered(body));
    control.on('broadcast', (body) => this.#broadcasts.received(body));
  }

  nodesAlive(entries: readonly NodeEntry[], askedMs: number): void {
    this.#list.update(entries, askedMs);
  }

  nodes(): Promise<readonly NodeInfo[]> {
    return this.#list.infos();
  }

  ask<Question extends NodeQuestion>(
    question: Question,
    subject: string,
    limits: CallLimits,
  ): Promise<OtherAnswers<NodeAnswers[Question]>> {
    return this.#requests.ask(question, subject, limits);
  }

  broadcast(frame: Uint8Array, limits: CallLimits): Promise<Relayed> {
    return this.#broadcasts.broadcast(frame, limits);
  }

  online(): void {
    this.#broadcasts.online();
    this.#requests.online();
  }

  offline(): void {
    this.#requests.offline();
  }

  /** Ends the calls that are open. */
  stop(): void {
    this.#broadcasts.stop();
    this.#requests.stop();
  }
}
