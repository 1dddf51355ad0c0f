import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { type BreakerCore, REFUSED } from '../../breaker/breaker-core.ts';
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

/** One call of the `upgrade` hook. With a circuit breaker, it has one outcome for it. */
export class UpgradeHookCall {
  readonly #abort = new AbortController();
  readonly #breaker: BreakerCore | undefined;
  #ticket: number;

  private constructor(breaker: BreakerCore | undefined, ticket: number) {
    this.#breaker = breaker;
    this.#ticket = ticket;
  }

  /** @returns `undefined` if the circuit breaker refuses the call. */
  static enter(breaker: BreakerCore | undefined): UpgradeHookCall | undefined {
    const ticket = breaker?.enter();
    return ticket === REFUSED ? undefined : new UpgradeHookCall(breaker, ticket ?? REFUSED);
  }

  /** The time limit has passed: the hook has failed. Its result no longer counts. */
  timedOut(): void {
    this.#settle('failed');
    this.#abort.abort();
  }

  /** Aborts the signal that the hook got: its result no longer counts. */
  abort(): void {
    this.#settle('abandoned');
    this.#abort.abort();
  }

  /** Only the first outcome counts. */
  #settle(outcome: 'succeeded' | 'failed' | 'abandoned'): void {
    const ticket = this.#ticket;
    this.#ticket = REFUSED;
    if (ticket !== REFUSED) this.#breaker?.[outcome](ticket);
  }

  /**
   * Calls the hook, and reads its result.
   * @param ended Told how long the call took, in ms, if it failed, too.
   * @throws What the hook throws: at once, or as a rejection if it is asynchronous. As a rejection, HandshakeError
   *   `ERR_UPGRADE_HOOK` for a result that is a mistake.
   */
  verdict<UserData>(
    hook: UpgradeHook<UserData>,
    { head, request, remoteAddress, secure, socket }: AskedUpgrade,
    clock: Clock,
    ended: (durationMs: number) => void,
  ): Promise<Verdict<UserData>> {
    const askedAtMs = clock.now();
    const [origin] = head.origins;
    let decision: unknown;
    try {
      decision = hook({
        request,
        remoteAddress,
        ...(origin === undefined ? {} : { origin }),
        protocols: head.protocols,
        secure,
        ...clientCertificate(socket),
        signal: this.#abort.signal,
      });
    } catch (error) {
      this.#settle('failed');
      ended(clock.now() - askedAtMs);
      throw error;
    }
    return judged(decision, (outcome) => {
      this.#settle(outcome);
      ended(clock.now() - askedAtMs);
    });
  }
}

async function judged<UserData>(
  decision: unknown,
  ended: (outcome: 'succeeded' | 'failed') => void,
): Promise<Verdict<UserData>> {
  let settled: unknown;
  try {
    settled = await decision;
  } catch (error) {
    ended('failed');
    throw error;
  }
  ended('succeeded');
  return judgeDecision<UserData>(settled);
}

/** The client's certificate, if the server requested one and the client sent it. */
function clientCertificate(socket: Duplex | undefined): Pick<UpgradeContext, 'clientCertificate'> {
  if (!(socket instanceof TLSSocket)) return {};
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined
    ? {}
    : { clientCertificate: { certificate, authorized: socket.authorized } };
}
