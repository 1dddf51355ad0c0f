import type { IncomingMessage } from 'node:http';
import { HANDSHAKE, isHandshakeTraced, runInStores } from '../../engine/channels.ts';
import type { Refusal } from '../../observe/observer.ts';
import type { HandshakeRequest, HandshakeTrace, TracedConnection } from '../../observe/tracing/traces.ts';
import type { RequestHead } from '../../protocol/handshake/http-head.ts';
import { headerRecord } from './request-view.ts';

/** Publishes one handshake on `tracingChannel('hawser:handshake')`. */
class PublishedHandshake implements HandshakeTrace {
  readonly #payload: {
    request: HandshakeRequest | undefined;
    remoteAddress: string;
    result?: { status: number; code?: Refusal['code'] };
    connection?: object;
    error?: unknown;
  };
  #isLate = false;

  constructor(request: HandshakeRequest | undefined, remoteAddress: string) {
    this.#payload = { request, remoteAddress };
  }

  run(decide: () => void): void {
    runInStores(HANDSHAKE.start, this.#payload, decide);
    HANDSHAKE.end.publish(this.#payload);
    this.#isLate = true;
  }

  accepted({ connection }: TracedConnection): void {
    this.#payload.result = { status: 101 };
    this.#payload.connection = connection;
    this.#settle();
  }

  refused({ status, code, error }: Refusal): void {
    this.#payload.result = { status, code };
    if (error !== undefined) {
      this.#payload.error = error;
      HANDSHAKE.error.publish(this.#payload);
    }
    this.#settle();
  }

  abandoned(): void {
    this.#settle();
  }

  #settle(): void {
    if (!this.#isLate) return;
    HANDSHAKE.asyncStart.publish(this.#payload);
    HANDSHAKE.asyncEnd.publish(this.#payload);
  }
}

/**
 * Begins to follow a handshake.
 * @param head `undefined` if it was not read.
 * @returns `undefined` without a subscriber.
 */
export function traceHandshake(
  head: RequestHead | undefined,
  remoteAddress: string,
  incomingMessage?: IncomingMessage,
): HandshakeTrace | undefined {
  if (!isHandshakeTraced()) return undefined;
  const request = head === undefined ? undefined : requestOf(head, incomingMessage);
  return new PublishedHandshake(request, remoteAddress);
}

function requestOf(head: RequestHead, incomingMessage: IncomingMessage | undefined): HandshakeRequest {
  const { method, target, fields } = head;
  const request = { method, target, headers: headerRecord(fields) };
  return incomingMessage === undefined ? request : { ...request, incomingMessage };
}
