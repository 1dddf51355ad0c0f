import type { Buffer } from 'node:buffer';
import type { Clock } from '../engine/clock.ts';
import { EngineError } from '../protocol/errors.ts';
import type { CallLimits, NodeAnswers, NodeQuestion, OtherAnswers } from '../server/groups/cluster-calls.ts';
import type { LocalServer } from '../server/groups/topic-node.ts';
import { type QuestionKind, questionKind, QUESTIONS } from './request-kinds.ts';
import { readAnswer, readAsk, writeAnswer, writeAsk, writeRefusal } from './request-messages.ts';

/** Most questions of a node that are open at a time. */
export const MAX_OPEN = 100;

/** The node that asks and answers. */
export interface RequestsOwner {
  readonly clock: Clock;
  readonly nodeId: string;
  readonly server: LocalServer;
  isUp(): boolean;
  /** The ids of the nodes that were alive at the last beat, without this one. */
  others(): readonly string[];
  /** Brings {@link others} up to date. Never rejects. */
  refreshed(): Promise<void>;
  tell(to: { readonly node: string } | 'all', bytes: Uint8Array): Promise<void>;
  fault(error: unknown): void;
}

/** A question that waits for answers. */
class OpenRequest {
  readonly kind: QuestionKind<unknown>;
  /** The control message. */
  readonly bytes: Buffer;
  readonly values = new Map<string, unknown>();
  /** Nodes that said that they have no answer. */
  readonly refused = new Set<string>();
  /** The nodes whose answers are awaited; `undefined` until the engine has said which are alive. */
  expected: readonly string[] | undefined;
  isSent = false;
  readonly resolve: (answers: OtherAnswers<unknown>) => void;

  constructor(kind: QuestionKind<unknown>, bytes: Buffer, resolve: (answers: OtherAnswers<unknown>) => void) {
    this.kind = kind;
    this.bytes = bytes;
    this.resolve = resolve;
  }

  get isComplete(): boolean {
    return (
      this.isSent && this.expected?.every((node) => this.values.has(node) || this.refused.has(node)) === true
    );
  }
}

/**
 * The questions that nodes ask each other. A question goes to all nodes, and each answers the node that asked. The answers of the nodes that
 * were alive at the last beat are awaited, for a limited time. A question that is asked while the engine is away waits for it.
 */
export class Requests {
  readonly #owner: RequestsOwner;
  readonly #open = new Map<number, OpenRequest>();
  #next = 1;
  #isOver = false;

  constructor(owner: RequestsOwner) {
    this.#owner = owner;
  }

  /** See `OtherNodes.ask`. */
  ask<Question extends NodeQuestion>(
    question: Question,
    subject: string,
    { deadlineMs, signal }: CallLimits,
  ): Promise<OtherAnswers<NodeAnswers[Question]>> {
    const { clock, nodeId } = this.#owner;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.#isOver || this.#open.size >= MAX_OPEN) {
        resolve({ values: new Map(), missing: this.#owner.others() });
        return;
      }
      const id = this.#next++;
      const halfMs = Math.floor(deadlineMs / 2);
      const forget = (): void => {
        this.#open.delete(id);
        clock.clearTimer(timer);
        signal?.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        forget();
        reject(signal?.reason);
      };
      const request = new OpenRequest(
        QUESTIONS[question],
        writeAsk({ from: nodeId, id, kind: question, deadlineMs, subject }),
        (answers) => {
          forget();
          // The kind has read every value.
          resolve(answers as OtherAnswers<NodeAnswers[Question]>);
        },
      );
      // The engine may lose a message, as to a node that has just come back: the question is repeated once.
      let timer = clock.setTimer(() => {
        timer = clock.setTimer(() => this.#finish(request), deadlineMs - halfMs);
        this.#repeat(request);
      }, halfMs);
      signal?.addEventListener('abort', abort);
      this.#open.set(id, request);
      if (this.#owner.isUp()) void this.#send(request);
    });
  }

  /** The engine can be used: asks what waits for it. */
  online(): void {
    for (const request of this.#open.values()) if (!request.isSent) void this.#send(request);
  }

  /** The engine is away, and answers may be lost with it: open questions are asked again when it is back. */
  offline(): void {
    for (const request of this.#open.values()) request.isSent = false;
  }

  /** Ends the open questions with the answers that are there. */
  stop(): void {
    this.#isOver = true;
    for (const request of this.#open.values()) this.#finish(request);
  }

  /**
   * Another node asks. @param body What follows the word `ask`.
   * @throws EngineError `ERR_ENGINE_MESSAGE` for an invalid question.
   */
  asked(body: Uint8Array): void {
    const { nodeId } = this.#owner;
    const { from, id, kind: name, subject } = readAsk(body);
    if (from === nodeId) return;
    const kind = questionKind(name);
    if (kind === undefined) {
      void this.#tell({ node: from }, writeRefusal(nodeId, id, 'unsupported'));
      return;
    }
    if (!kind.fits(subject)) throw new EngineError('ERR_ENGINE_MESSAGE', `the subject of ${name} is invalid`);
    void this.#tell({ node: from }, this.#answer(kind, subject, id));
  }

  /**
   * Another node answers. An answer that comes too late is ignored. @param body What follows the word `answer`.
   * @throws EngineError `ERR_ENGINE_MESSAGE` for an invalid answer.
   */
  answered(body: Uint8Array): void {
    const { from, id, status, value } = readAnswer(body);
    const request = this.#open.get(id);
    if (request === undefined || from === this.#owner.nodeId) return;
    if (status === 'ok') {
      const answer = request.kind.read(from, value);
      if (answer === undefined)
        throw new EngineError('ERR_ENGINE_MESSAGE', 'an answer has a value of another type');
      request.values.set(from, answer);
      if (request.kind.isLast?.(answer) === true) {
        request.resolve({ values: request.values, missing: [] });
        return;
      }
    } else request.refused.add(from);
    if (request.isComplete) this.#finish(request);
  }

  async #send(request: OpenRequest): Promise<void> {
    request.isSent = true;
    void this.#expect(request);
    if (!(await this.#tell('all', request.bytes))) request.isSent = false;
  }

  /** Asks the nodes again that have not answered; all nodes, if the engine refused the question. */
  #repeat(request: OpenRequest): void {
    if (!request.isSent) {
      if (this.#owner.isUp()) void this.#send(request);
      return;
    }
    for (const node of request.expected ?? [])
      if (!request.values.has(node) && !request.refused.has(node)) void this.#tell({ node }, request.bytes);
  }

  async #expect(request: OpenRequest): Promise<void> {
    await this.#owner.refreshed();
    request.expected = this.#owner.others();
    if (request.isComplete) this.#finish(request);
  }

  /** Ends a question. A second call does nothing. */
  #finish(request: OpenRequest): void {
    const expected = request.expected ?? this.#owner.others();
    const missing = expected.filter((node) => !request.values.has(node));
    request.resolve({ values: request.values, missing });
  }

  #answer(kind: QuestionKind<unknown>, subject: string, id: number): Buffer {
    const { nodeId, server } = this.#owner;
    try {
      return writeAnswer(nodeId, id, kind.answer(server, subject));
    } catch (error) {
      this.#owner.fault(error);
      return writeRefusal(nodeId, id, 'failed');
    }
  }

  /** @returns Whether the engine took the message. Never rejects. */
  async #tell(to: { readonly node: string } | 'all', bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#owner.tell(to, bytes);
      return true;
    } catch (error) {
      this.#owner.fault(error);
      return false;
    }
  }
}
