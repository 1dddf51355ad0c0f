import { Buffer } from 'node:buffer';
import { shown } from '../../options/option-check.ts';
import { HandshakeError, type HandshakeErrorCode, MisuseError } from '../../protocol/errors.ts';
import { renderRefusal, renderResponse } from '../../protocol/handshake/answer.ts';
import type { RequestHead } from '../../protocol/handshake/http-head.ts';
import { bodyLength, namesHost, readPlainTarget } from '../../protocol/handshake/plain-request.ts';
import { copyOf } from '../../protocol/message-memory.ts';
import type { DeadlineOwner } from '../../engine/deadlines.ts';
import type { ArrivedTransport, TransportOwner } from '../../sockets/transport.ts';
import { type HandshakeOwner, type PendingSocket, retryAfter } from './handshake-owner.ts';
import type { HttpRequestHead, RequestHook } from '../../options/hooks.ts';
import { type HandshakePlace, PLACE_LOST, type PlaceHolder } from '../admission/handshake-places.ts';
import { HeldInput } from './held-input.ts';
import { Linger } from './linger.ts';
import { isResponseLike, readResponse } from './response-like.ts';
import type { Sender } from '../admission/trust-proxy.ts';

const NOTHING = Buffer.alloc(0);
const SENTENCES: Readonly<Record<number, string>> = {
  400: 'The request is malformed.',
  411: 'A request body needs a Content-Length.',
  413: 'The request body is too large.',
  500: 'The request could not be answered.',
  503: 'The server is not able to answer now.',
};

/** A request without upgrade, as the handshake passes it on. */
export interface PlainRequest {
  readonly head: RequestHead;
  readonly sender: Sender;
  /** The place among pending handshakes; the exchange keeps it until the answer. */
  readonly place: HandshakePlace;
  /** Deadline for the complete request, on the clock of deadlines. */
  readonly deadlineMs: number;
}

/** A request without upgrade on the server's own port: reads one request, sends one answer and closes the socket. */
export class PlainExchange<UserData> implements TransportOwner, DeadlineOwner, PendingSocket, PlaceHolder {
  deadlineSlot = -1;
  readonly #owner: HandshakeOwner<UserData>;
  readonly #transport: ArrivedTransport;
  readonly #head: RequestHead;
  readonly #sender: Sender;
  readonly #place: HandshakePlace;
  readonly #hook: RequestHook;
  readonly #body: HeldInput;
  #bodyBytes = 0;
  #request: HttpRequestHead | undefined;
  #hasEnded = false;
  #stage: 'head' | 'body' | 'answering' | 'done' = 'head';

  constructor(
    owner: HandshakeOwner<UserData>,
    transport: ArrivedTransport,
    { head, sender, place, deadlineMs }: PlainRequest,
    hook: RequestHook,
  ) {
    this.#owner = owner;
    this.#transport = transport.handTo(this);
    this.#head = head;
    this.#sender = sender;
    this.#place = place;
    place.holder = this;
    this.#hook = hook;
    this.#body = new HeldInput(owner, owner.options.maxRequestBodyBytes, () =>
      this.#refuse('ERR_SERVER_FULL', { detail: 'the memory budget is used up' }),
    );
    owner.pendingSockets.add(this);
    owner.deadlines.plan(this, deadlineMs);
  }

  /** @param rest Bytes that followed the head. */
  start(rest: Buffer): void {
    const head = this.#head;
    const owner = this.#owner;
    if (head.fields.count('sec-websocket-key') > 0)
      owner.upgradeLost(this.#transport.remoteAddress, head.target);
    const { secure, host: forwardedHost } = this.#sender;
    let url: URL;
    try {
      url = readPlainTarget(head, secure, forwardedHost, owner.ownAuthority);
    } catch (error) {
      const { code, message } = error as HandshakeError;
      this.#refuse(code as HandshakeErrorCode, { detail: message });
      return;
    }
    const foreign =
      forwardedHost !== undefined || namesHost(head) ? owner.policies.judgeHost(url.host) : undefined;
    if (foreign !== undefined) {
      this.#refuse(foreign.code, { detail: `${foreign.why}; host ${url.host}` });
      return;
    }
    const { method, fields } = head;
    const headers = new Headers([...fields] as [string, string][]);
    const request = { method, url, headers, remoteAddress: this.#transport.remoteAddress };
    this.#request = request;
    const { requestHead } = owner.options;
    if (requestHead === undefined) {
      this.#readBody();
      this.received(rest);
      return;
    }
    this.#transport.pause();
    this.received(rest);
    if (this.#stage === 'head') void this.#ask('requestHead', () => requestHead(request));
  }

  shutDown(): void {
    // The request hook may still answer; an incomplete request is refused.
    if (this.#stage === 'head' || this.#stage === 'body') this.#refuse('ERR_SHUTTING_DOWN');
  }

  placeLost(): void {
    this.#refuse('ERR_SERVER_FULL', { detail: PLACE_LOST });
  }

  destroy(): void {
    this.#transport.destroy();
  }

  received(chunk: Buffer): void {
    if (this.#stage === 'head') {
      if (chunk.length > 0) this.#body.append(chunk);
      return;
    }
    if (this.#stage !== 'body') return;
    const bytes = Math.min(chunk.length, this.#bodyBytes - this.#body.length);
    if (bytes > 0 && !this.#body.append(chunk.subarray(0, bytes))) return;
    if (this.#body.length < this.#bodyBytes) return;
    this.#stage = 'answering';
    const { deadlines, options } = this.#owner;
    deadlines.plan(this, deadlines.now() + options.upgradeTimeoutMs);
    const body = copyOf(this.#body.bytes, 0, this.#bodyBytes);
    void this.#ask('request', () => this.#hook({ ...this.#request!, body }));
  }

  receivedEnd(): void {
    this.#hasEnded = true;
    // EOF after the request is allowed; before its end there is nothing to answer.
    if (this.#stage === 'body') this.destroy();
  }

  writable(): void {}

  closed(): void {
    this.#leave();
    this.#owner.socketReleased(this);
  }

  deadlineReached(): void {
    if (this.#stage === 'body')
      this.#refuse('ERR_HEAD_TIMEOUT', { detail: 'the body did not arrive in time' });
    else if (this.#stage === 'head')
      this.#refuse('ERR_UPGRADE_TIMEOUT', {
        detail: 'the requestHead hook did not decide within handshakeTimeoutMs',
      });
    else
      this.#refuse('ERR_UPGRADE_TIMEOUT', { detail: 'the request hook took longer than upgradeTimeoutMs' });
  }

  failed(): void {
    this.destroy();
  }

  #readBody(): void {
    const length = bodyLength(this.#head, this.#owner.options.maxRequestBodyBytes);
    if (typeof length !== 'number') {
      this.#refuse('ERR_REQUEST_BODY', { status: length.status, detail: SENTENCES[length.status] });
      return;
    }
    this.#bodyBytes = length;
    this.#stage = 'body';
  }

  async #ask(name: 'request' | 'requestHead', hook: () => unknown): Promise<void> {
    const stage = this.#stage;
    try {
      const response: unknown = await hook();
      if (this.#stage !== stage) return;
      if (response === undefined && stage === 'head') {
        this.#readBody();
        this.received(NOTHING);
        if (this.#hasEnded) this.receivedEnd();
        this.#transport.resume();
        return;
      }
      if (!isResponseLike(response)) {
        const what = response instanceof Error ? 'an Error' : shown(response);
        throw new MisuseError('ERR_ARGUMENT', `the ${name} hook returned ${what}; it must return a Response`);
      }
      const { status, headers, body } = await readResponse(response);
      if (this.#stage !== stage) return;
      this.#answer(renderResponse(status, headers, body, { withoutBody: this.#head.method === 'HEAD' }));
    } catch (error) {
      if (this.#stage !== stage) return;
      this.#owner.hookFailed(name, error);
      this.#answerPlainly(500);
    }
  }

  /** Refuses and reports as a handshake does: log, `stats()` and the event `refused`. */
  #refuse(
    code: HandshakeErrorCode,
    {
      status = new HandshakeError(code).status,
      detail,
    }: { readonly status?: number; readonly detail?: string | undefined } = {},
  ): void {
    if (this.#stage === 'done') return;
    if (SENTENCES[status] === undefined) this.#answer(Buffer.from(renderRefusal(code, {}), 'latin1'));
    else this.#answerPlainly(status);
    const { remoteAddress } = this.#transport;
    this.#owner.refused({ status, code, remoteAddress, url: this.#head.target, detail });
  }

  #answerPlainly(status: number): void {
    const headers: [string, string][] = [['content-type', 'text/plain; charset=utf-8']];
    if (status === 503) headers.push(['retry-after', String(retryAfter(this.#owner.options))]);
    this.#answer(renderResponse(status, headers, Buffer.from(`${SENTENCES[status] ?? ''}\n`)));
  }

  #answer(bytes: Buffer): void {
    if (this.#stage === 'done') return;
    this.#leave();
    const { deadlines, pendingSockets } = this.#owner;
    this.#transport.write([bytes]);
    pendingSockets.add(new Linger(this.#transport, deadlines, (gone) => this.#owner.socketReleased(gone)));
    this.#owner.socketReleased(this);
  }

  #leave(): void {
    if (this.#stage === 'done') return;
    this.#stage = 'done';
    this.#owner.deadlines.cancel(this);
    this.#owner.places.leave(this.#place);
    this.#body.release();
  }
}
