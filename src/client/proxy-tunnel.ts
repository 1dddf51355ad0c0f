import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { ConnectError } from '../protocol/connect-error.ts';
import { type AnswerJudge, AnswerReader } from '../protocol/handshake/answer-reader.ts';
import type { ResolvedConnectOptions } from '../options/connect-options.ts';
import { withCause, wordsOf } from './error-words.ts';
import type { ProxySettings } from '../options/read-proxy.ts';

/** Callbacks of a {@link ProxyTunnel}. The constructor never calls them. */
export interface TunnelOwner {
  /** The stream leads to the target. The owner owns it; its only listener is one for `error`. */
  tunnelled(stream: Duplex): void;
  /** The proxy refuses, and the rest of the body is awaited. The owner may call `refusal` at any time. */
  tunnelRefusing(refusal: () => ConnectError): void;
  /** The tunnel failed, and the stream is destroyed. */
  tunnelFailed(error: unknown): void;
}

/** Any 2xx opens the tunnel (RFC 9110 §9.3.6). */
const CONNECT: AnswerJudge<true> = Object.freeze({
  phase: 'proxy',
  fault: 'ERR_PROXY',
  grants: (status: number) => status >= 200 && status <= 299,
  judge: () => true,
  // Tinyproxy answers 401 to wrong credentials.
  refusal: ({ status }) => [
    status === 407 || status === 401 ? 'ERR_PROXY_AUTH' : 'ERR_PROXY',
    `status ${status}`,
  ],
} satisfies AnswerJudge<true>);

/** Requests a tunnel with CONNECT (RFC 9110 §9.3.6), over a stream that is connected to the proxy. */
export class ProxyTunnel {
  readonly #stream: Duplex;
  readonly #owner: TunnelOwner;
  readonly #answer: AnswerReader<true>;
  #refusing = false;
  #settled = false;

  constructor(
    stream: Duplex,
    { host, port }: { readonly host: string; readonly port: number },
    { authorization }: ProxySettings,
    options: Pick<ResolvedConnectOptions, 'maxHeadBytes' | 'maxHeaderFields' | 'clock'>,
    owner: TunnelOwner,
  ) {
    this.#stream = stream;
    this.#owner = owner;
    this.#answer = new AnswerReader(CONNECT, options, () => options.clock.wallNow());
    stream.on('data', this.#received).on('end', this.#ended).on('error', this.#failed);
    stream.on('close', this.#ended);
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const credentials = authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`;
    stream.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${credentials}\r\n`, 'latin1');
  }

  /** Abandons the tunnel: no callback is called afterwards. */
  cancel(): void {
    this.#settle();
    this.#stream.destroy();
  }

  readonly #received = (chunk: Buffer): void => {
    try {
      const answer = this.#answer.receive(chunk);
      if (answer?.is === 'accepted') this.#open(answer.rest);
      else if (answer?.is === 'refused') this.#fail(this.#answer.refusal());
      else if (answer?.is === 'refusing' && !this.#refusing) {
        this.#refusing = true;
        this.#owner.tunnelRefusing(() => this.#answer.refusal());
      }
    } catch (error) {
      this.#fail(error);
    }
  };

  /** @param rest Bytes right after the head. */
  #open(rest: Buffer): void {
    this.#settle();
    this.#stream.pause();
    if (rest.length > 0) this.#stream.unshift(Buffer.from(rest));
    this.#owner.tunnelled(this.#stream);
  }

  readonly #ended = (): void => this.#lost(undefined);

  readonly #failed = (error: Error): void => this.#lost(error);

  #lost(error: Error | undefined): void {
    if (this.#refusing) this.#fail(this.#answer.refusal());
    else {
      const why = error === undefined ? '' : `: ${wordsOf(error)}`;
      const detail = `it closed the connection before it had answered${why}`;
      this.#fail(new ConnectError('ERR_PROXY', detail, { phase: 'proxy', ...withCause(error) }));
    }
  }

  #fail(error: unknown): void {
    if (this.#settled) return;
    this.#settle();
    this.#stream.destroy();
    this.#owner.tunnelFailed(error);
  }

  /** The listener for `error` stays: a stream can fail after it was abandoned or handed over. */
  #settle(): void {
    this.#settled = true;
    this.#stream.off('data', this.#received).off('end', this.#ended).off('close', this.#ended);
  }
}
