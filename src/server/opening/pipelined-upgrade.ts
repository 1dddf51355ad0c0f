import type { Duplex } from 'node:stream';
import type { DeadlineOwner } from '../../engine/deadlines.ts';
import { normalizeAddress } from '../../sockets/ip-address.ts';
import { afterResponses } from '../../sockets/pending-response.ts';
import type { HandshakeHost, PendingSocket } from './handshake-host.ts';

/** The server, as a pipelined upgrade sees it. */
type PipelineHost = Pick<
  HandshakeHost<unknown>,
  'deadlines' | 'pendingSockets' | 'refused' | 'socketGone'
> & { readonly options: { readonly handshakeTimeoutMs: number } };

/** An upgrade request that waits for the responses to earlier requests on its socket, at most for `handshakeTimeoutMs`. */
export class PipelinedUpgrade implements PendingSocket, DeadlineOwner {
  deadlineSlot = -1;
  readonly #host: PipelineHost;
  readonly #socket: Duplex & { readonly remoteAddress?: string };
  readonly #url: string;

  /** @param url Target of the request, for the log. */
  constructor(host: PipelineHost, socket: Duplex, url: string) {
    this.#host = host;
    this.#socket = socket;
    this.#url = url;
  }

  /**
   * @param begin Starts the handshake.
   * @param abandoned Called instead if the socket closes first.
   */
  wait(begin: () => void, abandoned: () => void): void {
    const host = this.#host;
    const { deadlines, options, pendingSockets } = host;
    pendingSockets.add(this);
    deadlines.plan(this, deadlines.now() + options.handshakeTimeoutMs);
    const done = (next: () => void) => () => {
      deadlines.cancel(this);
      next();
      host.socketGone(this);
    };
    afterResponses(this.#socket, done(begin), done(abandoned));
  }

  /** Does nothing: the HTTP server still writes earlier responses. The handshake is refused after them. */
  shutDown(): void {}

  destroy(): void {
    this.#socket.destroy();
  }

  /** Destroys the socket without an answer, which would end up inside the pending response. */
  deadlineReached(): void {
    this.#host.refused({
      status: 0,
      code: 'ERR_UPGRADE_TIMEOUT',
      remoteAddress: normalizeAddress(this.#socket.remoteAddress ?? ''),
      url: this.#url,
      detail: 'an earlier request on the same connection was not answered in time',
    });
    this.destroy();
  }

  failed(): void {
    this.destroy();
  }
}
