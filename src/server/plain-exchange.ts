import { Buffer } from 'node:buffer';
import { shown } from '../connection/option-check.ts';
import { MisuseError } from '../protocol/errors.ts';
import { renderRefusal, renderResponse } from '../protocol/handshake/answer.ts';
import type { RequestHead } from '../protocol/handshake/http-head.ts';
import { bodyLength, readPlainTarget } from '../protocol/handshake/plain-request.ts';
import type { DeadlineOwner } from '../transport/deadlines.ts';
import type { ArrivedTransport, TransportOwner } from '../transport/transport.ts';
import { type HandshakeHost, type PendingSocket, retryAfter } from './handshake-host.ts';
import type { RequestHook } from './hooks.ts';
import { Linger } from './linger.ts';
import { isResponseLike, readResponse } from './response-like.ts';
import type { Sender } from './trust-proxy.ts';

const SENTENCES: Readonly<Record<number, string>> = {
  400: 'The request is malformed.',
  411: 'A request body needs a Content-Length.',
  413: 'The request body is too large.',
  500: 'The request could not be answered.',
  503: 'The server is not able to answer now.',
};

/** A request without upgrade on a server that listens by itself: one request, one answer, and the socket ends. */
export class PlainExchange<UserData> implements TransportOwner, DeadlineOwner, PendingSocket {
  deadlineSlot = -1;
  readonly #host: HandshakeHost<UserData>;
  readonly #transport: ArrivedTransport;
  readonly #head: RequestHead;
  readonly #sender: Sender;
  readonly #hook: RequestHook;
  #body: Buffer[] = [];
  #missingBytes = 0;
  #url: URL | undefined;
  #stage: 'body' | 'answering' | 'done' = 'body';

  constructor(
    host: HandshakeHost<UserData>,
    transport: ArrivedTransport,
    head: RequestHead,
    sender: Sender,
    hook: RequestHook,
  ) {
    this.#host = host;
    this.#transport = transport.handTo(this);
    this.#head = head;
    this.#sender = sender;
    this.#hook = hook;
    host.pendingSockets.add(this);
    host.deadlines.plan(this, host.deadlines.now() + host.options.handshakeTimeoutMs);
  }

  /** @param rest Bytes that came behind the head. */
  start(rest: Buffer): void {
    const length = bodyLength(this.#head);
    this.#url = readPlainTarget(this.#head, this.#sender.secure, this.#sender.host);
    if (typeof length !== 'number' || this.#url === undefined) {
      this.#answerPlainly(typeof length === 'number' ? 400 : length.status);
      return;
    }
    this.#missingBytes = length;
    this.received(rest);
  }

  shutDown(): void {
    // An answer that is being made still goes out; a request that is not complete gets none.
    if (this.#stage === 'body') this.#answerPlainly(503);
  }

  destroy(): void {
    this.#transport.destroy();
  }

  received(chunk: Buffer): void {
    if (this.#stage !== 'body') return;
    if (this.#missingBytes > 0) this.#body.push(Buffer.from(chunk.subarray(0, this.#missingBytes)));
    this.#missingBytes -= Math.min(chunk.length, this.#missingBytes);
    if (this.#missingBytes > 0) return;
    this.#stage = 'answering';
    const { deadlines, options } = this.#host;
    deadlines.plan(this, deadlines.now() + options.upgradeTimeoutMs);
    void this.#ask();
  }

  receivedEnd(): void {
    // Half-closing after the request is allowed; before its end there is nothing to answer.
    if (this.#stage === 'body') this.destroy();
  }

  writable(): void {}

  closed(): void {
    this.#stage = 'done';
    this.#host.deadlines.cancel(this);
    this.#host.socketGone(this);
  }

  deadlineReached(): void {
    if (this.#stage !== 'body') this.#answerPlainly(503);
    else this.#answer(Buffer.from(renderRefusal('ERR_HEAD_TIMEOUT', {}), 'latin1'));
  }

  async #ask(): Promise<void> {
    const { method, fields } = this.#head;
    try {
      const response: unknown = await this.#hook({
        method,
        url: this.#url!,
        headers: new Headers([...fields] as [string, string][]),
        body: Buffer.concat(this.#body),
        remoteAddress: this.#transport.remoteAddress,
      });
      if (!isResponseLike(response)) {
        const what = response instanceof Error ? 'an Error' : shown(response);
        throw new MisuseError('ERR_ARGUMENT', `the request hook returned ${what}; it must return a Response`);
      }
      const { status, headers, body } = await readResponse(response);
      if (this.#stage !== 'answering') return;
      this.#answer(renderResponse(status, headers, body, { withoutBody: method === 'HEAD' }));
    } catch (error) {
      if (this.#stage !== 'answering') return;
      this.#host.hookFailed(error);
      this.#answerPlainly(500);
    }
  }

  #answerPlainly(status: number): void {
    const headers: [string, string][] = [['content-type', 'text/plain; charset=utf-8']];
    if (status === 503) headers.push(['retry-after', String(retryAfter(this.#host.options))]);
    this.#answer(renderResponse(status, headers, Buffer.from(`${SENTENCES[status] ?? ''}\n`)));
  }

  #answer(bytes: Buffer): void {
    if (this.#stage === 'done') return;
    this.#stage = 'done';
    const { deadlines, pendingSockets } = this.#host;
    deadlines.cancel(this);
    this.#body = [];
    this.#transport.write([bytes]);
    pendingSockets.add(new Linger(this.#transport, deadlines, (gone) => this.#host.socketGone(gone)));
    this.#host.socketGone(this);
  }
}
