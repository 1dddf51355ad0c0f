import { Buffer } from 'node:buffer';
import type { Position } from '../../options/topic-calls.ts';
import { EngineError } from '../../protocol/errors.ts';
import type { Message } from '../../protocol/payload.ts';
import type { Publication } from '../../server/groups/follower.ts';
import type { Relayed } from '../../server/groups/topic-node.ts';
import { publishVerdict } from './authorization.ts';
import type { Operation, Operations } from './operations.ts';
import { positionFields } from './server-frame.ts';

/** A message that the application has not decided about, or that waits for an earlier one of its topic. */
interface Waiting {
  readonly operation: Operation;
  readonly data: Message;
  /** `undefined` until the application has decided. */
  isAllowed: boolean | undefined;
}

/** The messages that one client publishes: those of a topic keep their order. */
export class Publishes<UserData> {
  readonly #operations: Operations<UserData>;
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(operations: Operations<UserData>) {
    this.#operations = operations;
  }

  publish(operation: Operation, topic: string, data: Message): void {
    const waiting: Waiting = { operation, data, isAllowed: undefined };
    const queue = this.#waiting.get(topic);
    if (queue === undefined) this.#waiting.set(topic, [waiting]);
    else queue.push(waiting);
    this.#authorize(topic, waiting);
  }

  #authorize(topic: string, waiting: Waiting): void {
    const operations = this.#operations;
    const { authorizePublish } = operations.host.options;
    const decided = (isAllowed: boolean): void => {
      waiting.isAllowed = isAllowed;
      operations.attempt(() => this.#publishDecided(topic));
    };
    if (authorizePublish === undefined) {
      decided(false);
      return;
    }
    operations.deciding.ask(
      () => authorizePublish(operations.driver.connection, topic, waiting.data),
      (result, failure) => {
        let isAllowed = false;
        try {
          if (failure !== undefined) throw failure.error;
          isAllowed = publishVerdict(result);
        } catch (error) {
          if (!operations.isOver) operations.failed(error, 'authorizePublish');
        }
        decided(isAllowed);
      },
    );
  }

  /** Publishes the messages that no earlier one delays. */
  #publishDecided(topic: string): void {
    const queue = this.#waiting.get(topic)!;
    for (let [first] = queue; first !== undefined; [first] = queue) {
      if (first.isAllowed === undefined) return;
      queue.shift();
      this.#publish(topic, first);
    }
    this.#waiting.delete(topic);
  }

  #publish(topic: string, { operation, data, isAllowed }: Waiting): void {
    const operations = this.#operations;
    const { driver, host } = operations;
    const maxBytes = host.node.historyOf(topic)?.maxBytes;
    if (isAllowed !== true || driver.state !== 'open') {
      operations.fail(operation, 'forbidden', 'publishing to this topic is not allowed');
      operations.end();
      return;
    }
    if (maxBytes !== undefined && Buffer.byteLength(data) > maxBytes) {
      operations.fail(operation, 'too-big', `a message of this topic has at most ${maxBytes} bytes`);
      operations.end();
      return;
    }
    const accept = (position: Position | undefined): void =>
      operations.answer(operation, { op: 'ok', id: operation.id, topic, ...positionFields(position) });
    const publication: Publication = {
      ordered: (position) => operations.attempt(() => accept(position)),
    };
    const { relayed } = host.groups.publish(driver, topic, data, undefined, publication);
    // Alone and without history, the message has had its place in the order.
    if (host.node.state === 'alone' && maxBytes === undefined) accept(undefined);
    void relayed!.then((result) =>
      operations.attempt(() => {
        if (result.ok) accept(result.position);
        else this.#refuse(operation, result);
        operations.end();
      }),
    );
  }

  #refuse(operation: Operation, { error, outcome }: Relayed & { readonly ok: false }): void {
    if (error instanceof EngineError && error.code === 'ERR_ENGINE_REFUSED')
      this.#operations.fail(operation, 'too-big', 'the engine does not take a message of this size');
    else this.#operations.fail(operation, 'unavailable', 'the engine cannot be reached', { outcome });
  }
}
