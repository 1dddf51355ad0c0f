import { EngineError } from '../../../protocol/errors.ts';
import type { EngineHost, NodeEntry } from '../../engine.ts';
import type { NatsMessage } from './connection.ts';
import { type ControlMessage, type PeerRecord, readControl, writeControl } from './control-message.ts';
import type { NatsMembers } from './members.ts';
import { JOINED_MS, Peers } from './peers.ts';
import type { Session } from './session.ts';
import type { Subjects } from './subjects.ts';

/** How long one of the other nodes may take to tell a joining node who is there. */
const ROLL_MS = 1_000;
/** Largest control message: what the core tells may be larger than a message of a topic. */
const CONTROL_BYTES = 131_072;

export interface MembershipOwner {
  readonly host: EngineHost;
  readonly deadlineMs: number;
  readonly subjects: Subjects;
  members(): NatsMembers;
  gone(node: string): void;
  /** Another node removed members. */
  dropped(topic: string, fields: readonly string[]): void;
}

/** This node among the others: who is alive, and what nodes say to each other. */
export class Membership {
  readonly peers: Peers;
  readonly #owner: MembershipOwner;
  readonly #claim: string;
  /** What this node says of itself. */
  #record: PeerRecord;
  /** From the time that this node joins: others talk to it before the engine can be used. */
  #session: Session | undefined;
  /** The first beat of this session came back. */
  #isEchoed = false;
  /** Until then, another node with this id is alive, and stays. */
  #takenUntilMs = -Infinity;

  constructor(owner: MembershipOwner) {
    const { host } = owner;
    this.#owner = owner;
    this.#claim = host.random.bytes(9).toString('base64url');
    this.#record = { node: host.nodeId, claim: this.#claim, ttlMs: JOINED_MS, info: undefined };
    this.peers = new Peers((node) => owner.gone(node));
  }

  /**
   * Asks who is there, before this node subscribes, so that it cannot be asked itself; then says that it is there.
   * Rejects with `ERR_ENGINE_REFUSED` if a node with this id is.
   */
  async join(session: Session): Promise<void> {
    const { host, subjects } = this.#owner;
    const { clock, nodeId } = host;
    this.#session = session;
    this.peers.restart(clock.now());
    await session.flushed();
    await this.#callRoll(session);
    const receive = (message: NatsMessage): void => this.#received(message);
    session.subscribe(subjects.control, receive);
    session.subscribe(subjects.node(nodeId), receive);
    session.subscribe(subjects.roll, receive, 'hawser');
    this.peers.beat(this.#record, clock.now());
    session.publish(subjects.control, writeControl(nodeId, { op: 'beat', peer: this.#record }));
    this.#isEchoed = false;
    await session.flushed();
    session.checkAllowed(subjects.control);
    if (!this.#isEchoed) throw noEcho();
  }

  /** Says that this node leaves. */
  async leave(session: Session): Promise<void> {
    const { host, subjects } = this.#owner;
    session.publish(subjects.control, writeControl(host.nodeId, { op: 'bye', claim: this.#claim }));
    await session.flushed();
  }

  async beat(info: Uint8Array, ttlMs: number): Promise<readonly NodeEntry[]> {
    const { host } = this.#owner;
    this.#record = { ...this.#record, ttlMs, info: info.slice() };
    this.peers.beat(this.#record, host.clock.now());
    this.send(undefined, { op: 'beat', peer: this.#record });
    await this.#usable().flushed();
    if (host.clock.now() < this.#takenUntilMs) throw isTaken(host.nodeId);
    return this.peers.entries(host.clock.now());
  }

  /** Sends to one node, or to all, this one included. @throws EngineError */
  send(to: string | undefined, message: ControlMessage): void {
    const { host, subjects } = this.#owner;
    const subject = to === undefined ? subjects.control : subjects.node(to);
    this.#usable().publish(subject, writeControl(host.nodeId, message));
  }

  /** Asks every node that is alive to remove members that are its own. A dead node has none. */
  drop(topic: string, fields: readonly string[]): void {
    this.peers.expire(this.#owner.host.clock.now());
    for (const node of this.peers.names())
      if (node !== this.#owner.host.nodeId) this.send(node, { op: 'drop', topic, fields });
  }

  /** @throws EngineError `ERR_ENGINE_DOWN` */
  #usable(): Session {
    if (this.#session === undefined) throw new EngineError('ERR_ENGINE_DOWN');
    return this.#session;
  }

  async #callRoll(session: Session): Promise<void> {
    const { host, subjects, deadlineMs } = this.#owner;
    let answer: Uint8Array;
    try {
      const question = writeControl(host.nodeId, { op: 'roll', peers: [] });
      answer = await session.request(subjects.roll, question, Math.min(ROLL_MS, deadlineMs));
    } catch {
      // No node is there, or the one that was asked has just died. A broken connection shows in the next step.
      return;
    }
    try {
      const { message } = readControl(answer, CONTROL_BYTES);
      const nowMs = host.clock.now();
      for (const peer of message.op === 'roll' ? message.peers : []) {
        if (peer.node !== host.nodeId) this.peers.hearsay(peer, nowMs);
        else if (peer.claim !== this.#claim) throw isTaken(host.nodeId);
      }
    } catch (error) {
      if ((error as EngineError).code === 'ERR_ENGINE_REFUSED') throw error;
      host.fault(error as Error);
    }
  }

  #received({ data, reply }: NatsMessage): void {
    const { host } = this.#owner;
    try {
      const { from, message } = readControl(data, Math.max(CONTROL_BYTES, host.limits.maxEntryBytes));
      this.peers.heard(from);
      this.#handle(from, message, reply);
    } catch (error) {
      host.fault(error as Error);
    }
  }

  #handle(from: string, message: ControlMessage, reply: string | undefined): void {
    const { host } = this.#owner;
    switch (message.op) {
      case 'tell':
        return host.control(message.bytes);
      case 'beat':
        return this.#beaten(from, message.peer);
      case 'roll': {
        if (reply === undefined || reply === '')
          throw new EngineError('ERR_ENGINE_MESSAGE', 'a roll without reply');
        const peers = this.peers.records(host.clock.now());
        return this.#usable().publish(reply, writeControl(host.nodeId, { op: 'roll', peers }));
      }
      case 'bye':
        if (from === host.nodeId) this.#takenUntilMs = -Infinity;
        else if (this.peers.claimOf(from) === message.claim) this.peers.remove(from);
        return;
      case 'ask':
        return this.#owner.members().asked(from, message);
      case 'members':
        return this.#owner.members().answered(from, message);
      case 'drop':
        return this.#owner.dropped(message.topic, message.fields);
    }
  }

  /** A node is alive. A node that was unknown learns of this one. */
  #beaten(from: string, peer: PeerRecord): void {
    const { host } = this.#owner;
    if (peer.node !== from) throw new EngineError('ERR_ENGINE_MESSAGE', 'a beat for another node');
    if (from === host.nodeId) {
      // Both engines receive the beat of the other. The one with the greater claim is refused.
      if (peer.claim === this.#claim) {
        this.#isEchoed = true;
        return;
      }
      if (this.#claim > peer.claim) this.#takenUntilMs = host.clock.now() + peer.ttlMs;
      throw isTaken(host.nodeId);
    }
    if (this.peers.beat(peer, host.clock.now())) this.send(from, { op: 'beat', peer: this.#record });
  }
}

const noEcho = (): EngineError =>
  new EngineError(
    'ERR_ENGINE_REFUSED',
    'the connection to NATS does not deliver its own messages; connect without noEcho, and allow its user to publish and subscribe below the prefix',
  );

const isTaken = (node: string): EngineError =>
  new EngineError(
    'ERR_ENGINE_REFUSED',
    `another node with the id ${node} is alive; each server needs an id of its own`,
  );
