import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../../engine/clock.ts';
import type { UpgradeContext, UpgradeHook, UpgradeRequest } from '../../options/hooks.ts';
import type { UpgradeRequest as UpgradeHead } from '../../protocol/handshake/server.ts';
import { judgeDecision, type Verdict } from './upgrade-decision.ts';

/** The facts of a request that the `upgrade` hook gets. */
export interface AskedUpgrade {
  readonly head: UpgradeHead;
  readonly request: UpgradeRequest;
  readonly remoteAddress: string;
  readonly secure: boolean;
  /** Node's socket, for the certificate of the client; `undefined` for a handle. */
  readonly socket: Duplex | undefined;
}

/** One call of the `upgrade` hook. */
export class UpgradeHookCall {
  readonly #abort = new AbortController();

  /** Aborts the signal that the hook got: its result no longer counts. */
  abort(): void {
    this.#abort.abort();
  }

  /**
   * Calls the hook, and reads its result.
   * @param ended Told how long the call took, in ms, if it failed, too.
   * @throws What the hook throws (as a rejection), or HandshakeError `ERR_UPGRADE_HOOK` for a result that is a mistake.
   */
  async verdict<UserData>(
    hook: UpgradeHook<UserData>,
    { head, request, remoteAddress, secure, socket }: AskedUpgrade,
    clock: Clock,
    ended: (durationMs: number) => void,
  ): Promise<Verdict<UserData>> {
    const askedAtMs = clock.now();
    const [origin] = head.origins;
    let decision: unknown;
    try {
      decision = await hook({
        request,
        remoteAddress,
        ...(origin === undefined ? {} : { origin }),
        protocols: head.protocols,
        secure,
        ...clientCertificate(socket),
        signal: this.#abort.signal,
      });
    } finally {
      ended(clock.now() - askedAtMs);
    }
    return judgeDecision<UserData>(decision);
  }
}

/** The client's certificate, if the server requested one and the client sent it. */
function clientCertificate(socket: Duplex | undefined): Pick<UpgradeContext, 'clientCertificate'> {
  if (!(socket instanceof TLSSocket)) return {};
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined
    ? {}
    : { clientCertificate: { certificate, authorized: socket.authorized } };
}
