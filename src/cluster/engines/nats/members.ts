import type { Clock } from '../../../engine/clock.ts';
import type { MembersRead } from '../../engine.ts';
import { memberChange, readMemberChange } from '../../envelope.ts';
import type { ControlMessage } from './control-message.ts';
import type { Peers } from './peers.ts';

type Fields = Map<string, Uint8Array>;

/** How long a node may take to answer a question. Then it is not waited for until something comes from it. */
const ANSWER_MS = 2_000;
/** Most bytes of the entries in one part of an answer, unless there is only one. */
const PART_BYTES = 65_536;

export interface MembersOwner {
  readonly clock: Clock;
  readonly nodeId: string;
  readonly deadlineMs: number;
  readonly peers: Peers;
  /** Sends a control message to all nodes, or to one. */
  send(to: string | undefined, message: ControlMessage): void;
}

/** A read of the members of a topic: every node that is alive answers with its own. */
interface Question {
  readonly topic: string;
  readonly max: number;
  readonly expected: Set<string>;
  readonly counts: Map<string, number>;
  readonly entries: Map<string, Fields>;
  readonly timer: unknown;
  readonly resolve: (read: MembersRead) => void;
  readonly reject: (error: Error) => void;
}

/** The members of topics. Each node has those that entered through it; no other place has them. */
export class NatsMembers {
  readonly #owner: MembersOwner;
  readonly #own = new Map<string, Fields>();
  /** What other nodes last said, of topics whose members this node follows: for nodes that are alive and do not answer. */
  readonly #known = new Map<string, Map<string, Fields>>();
  readonly #questions = new Map<number, Question>();
  #ids = 0;

  constructor(owner: MembersOwner) {
    this.#owner = owner;
  }

  enter(topic: string, members: ReadonlyMap<string, Uint8Array>): void {
    let own = this.#own.get(topic);
    if (own === undefined) this.#own.set(topic, (own = new Map()));
    for (const [field, value] of members) own.set(field, value);
  }

  /** @returns The fields that this node had, and those that it had not. */
  leave(topic: string, fields: readonly string[]): { readonly own: string[]; readonly other: string[] } {
    const members = this.#own.get(topic);
    const own: string[] = [];
    const other: string[] = [];
    for (const field of fields) (members?.delete(field) === true ? own : other).push(field);
    if (members?.size === 0) this.#own.delete(topic);
    return { own, other };
  }

  follow(topic: string): void {
    if (!this.#known.has(topic)) this.#known.set(topic, new Map());
  }

  unfollow(topic: string): void {
    this.#known.delete(topic);
  }

  /** Unfollows the other topics. */
  keep(isFollowed: (topic: string) => boolean): void {
    for (const topic of this.#known.keys()) if (!isFollowed(topic)) this.#known.delete(topic);
  }

  /** Changes of members that another node published. @throws EngineError `ERR_ENGINE_MESSAGE` for a broken change. */
  changed(topic: string, node: string, entries: readonly Uint8Array[]): void {
    const known = this.#known.get(topic);
    if (known === undefined) return;
    let fields = known.get(node);
    if (fields === undefined) known.set(node, (fields = new Map()));
    for (const entry of entries) {
      const { field, value } = readMemberChange(entry);
      if (value === undefined) fields.delete(field);
      else fields.set(field, value.slice());
    }
  }

  /** A node has left or expired. */
  gone(node: string): void {
    for (const known of this.#known.values()) known.delete(node);
    for (const [id, question] of this.#questions)
      if (question.expected.delete(node)) this.#answerIfComplete(id, question);
  }

  read(topic: string, max: number): Promise<MembersRead> {
    const { clock, nodeId, deadlineMs, peers } = this.#owner;
    const id = ++this.#ids;
    return new Promise((resolve, reject) => {
      peers.expire(clock.now());
      const expected = peers.answering().add(nodeId);
      const timer = clock.setTimer(() => this.#answerLate(id), Math.min(ANSWER_MS, deadlineMs));
      const [counts, entries] = [new Map<string, number>(), new Map<string, Fields>()];
      this.#questions.set(id, { topic, max, expected, counts, entries, timer, resolve, reject });
      try {
        this.#owner.send(undefined, { op: 'ask', id, max, topic });
      } catch (error) {
        this.#forget(id);
        reject(error);
      }
    });
  }

  /** Another node, or this one, asks for the members of this node. */
  asked(from: string, { id, max, topic }: ControlMessage & { readonly op: 'ask' }): void {
    const own = this.#own.get(topic) ?? new Map<string, Uint8Array>();
    const { size: count } = own;
    const answer = (entries: readonly Uint8Array[], isLast: boolean): void =>
      this.#owner.send(from, { op: 'members', id, count, isLast, entries });
    let part: Uint8Array[] = [];
    let bytes = 0;
    for (const [field, value] of count > max ? [] : own) {
      const entry = memberChange(field, value);
      if (bytes + entry.length > PART_BYTES && part.length > 0) {
        answer(part, false);
        part = [];
        bytes = 0;
      }
      part.push(entry);
      bytes += entry.length;
    }
    answer(part, true);
  }

  /** An answer. It also tells what followed members of the node are. */
  answered(from: string, { id, count, isLast, entries }: ControlMessage & { readonly op: 'members' }): void {
    const question = this.#questions.get(id);
    if (question === undefined) return;
    let fields = question.entries.get(from);
    if (fields === undefined) question.entries.set(from, (fields = new Map()));
    for (const entry of entries) {
      const { field, value } = readMemberChange(entry);
      if (value !== undefined) fields.set(field, value.slice());
    }
    if (!isLast) return;
    question.counts.set(from, count);
    question.expected.delete(from);
    if (from !== this.#owner.nodeId) this.#known.get(question.topic)?.set(from, new Map(fields));
    this.#answerIfComplete(id, question);
  }

  /** The connection cannot be used. The core enters the members of this node again when it can. */
  clear(error: Error): void {
    this.#own.clear();
    for (const [id, question] of this.#questions) {
      this.#forget(id);
      question.reject(error);
    }
  }

  #answerIfComplete(id: number, question: Question): void {
    if (question.expected.size > 0) return;
    this.#forget(id);
    const { max, counts, entries, resolve } = question;
    let count = 0;
    const all: Fields = new Map();
    for (const [node, ofNode] of counts) {
      count += ofNode;
      for (const [field, value] of entries.get(node)!) all.set(field, value);
    }
    resolve(count > max ? { count } : { count: all.size, entries: all });
  }

  /** Nodes that did not answer count with what this node last knew of them, until they expire. */
  #answerLate(id: number): void {
    const question = this.#questions.get(id)!;
    for (const node of question.expected) {
      this.#owner.peers.silent(node);
      const known = this.#known.get(question.topic)?.get(node) ?? new Map<string, Uint8Array>();
      question.counts.set(node, known.size);
      question.entries.set(node, known);
    }
    question.expected.clear();
    this.#answerIfComplete(id, question);
  }

  #forget(id: number): void {
    this.#owner.clock.clearTimer(this.#questions.get(id)!.timer);
    this.#questions.delete(id);
  }
}
