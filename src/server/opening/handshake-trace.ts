import type { IncomingMessage } from 'node:http';
import { HANDSHAKE, isHandshakeTraced, runInStores } from '../../engine/channels.ts';
import type { Refusal } from '../../observe/observer.ts';
import {
  type HandshakeRequest,
  type HandshakeTrace,
  type HandshakeTracer,
  statusOfAcceptance,
  type TracedConnection,
} from '../../observe/tracing/traces.ts';
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

  readonly #inner: HandshakeTrace | undefined;

  /** @param inner Another trace of the same handshake, whose context is to be active, too. */
  constructor(
    request: HandshakeRequest | undefined,
    remoteAddress: string,
    inner: HandshakeTrace | undefined,
  ) {
    this.#inner = inner;
    this.#payload = { request, remoteAddress };
  }

  run(decide: () => void): void {
    const inner = this.#inner;
    runInStores(HANDSHAKE.start, this.#payload, inner === undefined ? decide : () => inner.run(decide));
    HANDSHAKE.end.publish(this.#payload);
    this.#isLate = true;
  }

  accepted(traced: TracedConnection): void {
    this.#payload.result = { status: statusOfAcceptance(this.#payload.request) };
    this.#payload.connection = traced.connection;
    this.#settle();
    this.#inner?.accepted(traced);
  }

  refused(refusal: Refusal): void {
    const { status, code, error } = refusal;
    this.#payload.result = { status, code };
    if (error !== undefined) {
      this.#payload.error = error;
      HANDSHAKE.error.publish(this.#payload);
    }
    this.#settle();
    this.#inner?.refused(refusal);
  }

  abandoned(): void {
    this.#settle();
    this.#inner?.abandoned();
  }

  #settle(): void {
    if (!this.#isLate) return;
    HANDSHAKE.asyncStart.publish(this.#payload);
    HANDSHAKE.asyncEnd.publish(this.#payload);
  }
}

/**
 * Begins to follow a handshake.
 * @param tracer Follows it besides the channels; `undefined` for none.
 * @param head `undefined` if it was not read.
 * @returns `undefined` without a subscriber and a tracer.
 */
export function traceHandshake(
  tracer: HandshakeTracer | undefined,
  head: RequestHead | undefined,
  remoteAddress: string,
  secure: boolean,
  incomingMessage?: IncomingMessage,
): HandshakeTrace | undefined {
  const isPublished = isHandshakeTraced();
  if (tracer === undefined && !isPublished) return undefined;
  const request = head === undefined ? undefined : requestOf(head, secure, incomingMessage);
  const inner = tracer?.handshake(request, remoteAddress);
  return isPublished ? new PublishedHandshake(request, remoteAddress, inner) : inner;
}

function requestOf(
  head: RequestHead,
  secure: boolean,
  incomingMessage: IncomingMessage | undefined,
): HandshakeRequest {
  const { method, target, fields } = head;
  const request = { method, target, secure, headers: headerRecord(fields) };
  return incomingMessage === undefined ? request : { ...request, incomingMessage };
}
