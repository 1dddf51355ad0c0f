import type { Duplex } from 'node:stream';
import type { DeadlineOwner } from '../../engine/deadlines.ts';
import { normalizeAddress } from '../../sockets/ip-address.ts';
import { afterResponses } from '../../sockets/pending-response.ts';
import type { HandshakeOwner, PendingSocket } from './handshake-owner.ts';

/** The server, as a pipelined upgrade sees it. */
type PipelineOwner = Pick<
  HandshakeOwner<unknown>,
  'deadlines' | 'pendingSockets' | 'refused' | 'socketReleased'
> & { readonly options: { readonly handshakeTimeoutMs: number } };

/** An upgrade request that waits for the responses to earlier requests on its socket, at most for `handshakeTimeoutMs`. */
export class PipelinedUpgrade implements PendingSocket, DeadlineOwner {
  deadlineSlot = -1;
  readonly #owner: PipelineOwner;
  readonly #socket: Duplex & { readonly remoteAddress?: string };
  readonly #url: string;

  /** @param url Target of the request, for the log. */
  constructor(owner: PipelineOwner, socket: Duplex, url: string) {
    this.#owner = owner;
    this.#socket = socket;
    this.#url = url;
  }

  /**
   * @param begin Starts the handshake.
   * @param abandoned Called instead if the socket closes first.
   */
  wait(begin: () => void, abandoned: () => void): void {
    const owner = this.#owner;
    const { deadlines, options, pendingSockets } = owner;
    pendingSockets.add(this);
    deadlines.plan(this, deadlines.now() + options.handshakeTimeoutMs);
    const done = (next: () => void) => () => {
      deadlines.cancel(this);
      next();
      owner.socketReleased(this);
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
    this.#owner.refused({
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
