import type { Duplex } from 'node:stream';
import type { DeadlineOwner } from '../../engine/deadlines.ts';
import { normalizeAddress } from '../../sockets/ip-address.ts';
import { afterResponses } from '../../sockets/pending-response.ts';
import type { HandshakeHost, PendingSocket } from './handshake-host.ts';

/** What a pipelined upgrade needs of its server. */
type PipelineHost = Pick<
  HandshakeHost<unknown>,
  'deadlines' | 'pendingSockets' | 'refused' | 'socketGone'
> & { readonly options: { readonly handshakeTimeoutMs: number } };

/** An upgrade request that waits for the responses to earlier requests on its socket; for `handshakeTimeoutMs` at most. */
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
   * @param abandoned Called instead where the socket ends first.
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

  /** The earlier responses are not the WebSocket server's: it refuses when they are finished. */
  shutDown(): void {}

  destroy(): void {
    this.#socket.destroy();
  }

  /** Nothing can be answered: it would get into the response that is pending. */
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
