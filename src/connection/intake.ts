import { FACT, type ProtocolConnection } from '../protocol/connection.ts';
import type { Message } from '../protocol/payload.ts';
import type { Transport } from '../sockets/transport.ts';
import type { Ending } from './ending.ts';
import type { LinkOwner } from './link-owner.ts';
import type { ConnectionContext } from './owner.ts';
import type { PingTimer } from './ping-timer.ts';
import { RateGuard } from './rate-guard.ts';
import type { ConnectionState } from './states.ts';
import type { Watch } from './watch.ts';

/** The link whose input this is. */
export interface IntakeLink {
  readonly core: ProtocolConnection;
  readonly transport: Transport;
  readonly watch: Watch;
  /** `undefined` before the first ping. */
  readonly pings: PingTimer | undefined;
  readonly state: ConnectionState;
  readonly end: Ending;
  /** The peer has ended its half: no more bytes arrive. */
  readonly inputEnded: boolean;
  /** The deadlines have changed. */
  plan(): void;
}

/**
 * Takes what one connection receives from the protocol core, at the pace that the owner, the rate limit and the decoder
 * allow, and pauses the transport meanwhile.
 */
export class Intake {
  readonly #link: IntakeLink;
  readonly #owner: LinkOwner;
  readonly #context: ConnectionContext;
  #rate: RateGuard | undefined;
  #isReading = true;

  constructor(link: IntakeLink, owner: LinkOwner, context: ConnectionContext) {
    const { rateLimit } = context.settings;
    this.#link = link;
    this.#owner = owner;
    this.#context = context;
    this.#rate = rateLimit === false ? undefined : new RateGuard(rateLimit);
  }

  /** Call when the settings have changed. A new rate limit begins with full buckets, and ends a wait for the old one. */
  settingsChanged(): void {
    const { rateLimit } = this.#context.settings;
    const before = this.#rate;
    if ((before?.limit ?? false) === rateLimit) return;
    const now = this.#context.deadlines.now();
    before?.ended(now);
    this.#rate = rateLimit === false ? undefined : new RateGuard(rateLimit, before);
    if (!this.#isReading) this.#rate?.stoppedReading(now);
    const { watch } = this.#link;
    if (watch.isThrottled) watch.throttle(now);
  }

  /** Call when bytes have arrived. */
  received(bytes: number): void {
    const rate = this.#rate;
    if (rate === undefined) return;
    const { sharedRates, deadlines } = this.#context;
    if (rate.isWithoutKey && sharedRates !== undefined)
      rate.share(sharedRates, this.#owner.rateKey?.(), deadlines.now());
    rate.received(bytes);
  }

  /** Call when the connection has closed. */
  ended(): void {
    this.#rate?.ended(this.#context.deadlines.now());
  }

  /** Call when a ping was sent while nothing is read. */
  pingedUnread(): void {
    this.#rate?.pingedUnread();
  }

  /** Pauses or resumes the transport, so that it reads only while facts may be taken. */
  adjust(): void {
    const { state, watch, core } = this.#link;
    const wanted = state === 'closed' || (this.#owner.wantsMore && !watch.isThrottled && !core.blocked);
    if (wanted === this.#isReading) return;
    const now = this.#context.deadlines.now();
    this.#isReading = wanted;
    if (wanted) {
      this.#link.watch.resumedReading(now);
      this.#rate?.resumedReading(now);
      this.#link.transport.resume();
    } else {
      this.#link.watch.stoppedReading(now);
      this.#rate?.stoppedReading(now);
      this.#link.pings?.forget();
      this.#link.transport.pause();
    }
    this.#link.plan();
  }

  /** False while nothing may be taken: the owner wants no more, or a rate limit applies. */
  mayTake(): boolean {
    // After the end of input little is left to read, and delaying it would only delay the end.
    if (this.#link.inputEnded) return true;
    if (!this.#owner.wantsMore) return false;
    const rate = this.#rate;
    if (rate === undefined || rate.limit.action === 'close') return true;
    const now = this.#context.deadlines.now();
    const waitMs = this.#link.core.unreadBytes === 0 ? 0 : rate.waitMs(now);
    if (waitMs === 0) return true;
    if (!this.#link.watch.isThrottled) this.#owner.rateLimited('throttle');
    this.#link.watch.throttle(now + waitMs);
    this.#link.plan();
    return false;
  }

  /**
   * Takes the next fact, and tells the owner.
   * @returns Whether a message or control frame was completed, and more may follow.
   */
  take(): boolean {
    const { core } = this.#link;
    const rate = this.#rate;
    const unreadBytes = rate?.countsBytes === true ? core.unreadBytes : 0;
    const fact = core.next();
    // Read once: V8 does not inline it here.
    const { isText } = core;
    const message = fact === FACT.MESSAGE ? this.#takeMessage(isText) : undefined;
    if (fact === FACT.FAILURE || (fact === FACT.MESSAGE && message === undefined)) {
      this.#link.end.peerFailed();
      return false;
    }
    if (fact === FACT.CLOSE) {
      this.#link.end.peerClosed();
      return false;
    }
    const isFree = fact === FACT.PONG && rate?.takeFreePong(core.payload.length) === true;
    if (
      rate?.countsBytes === true &&
      !isFree &&
      !rate.takeBytes(unreadBytes - core.unreadBytes, this.#context.deadlines.now())
    ) {
      this.#tooFast(rate);
      return false;
    }
    if (fact === FACT.NONE) return false;
    // A message counts once, with its last part.
    if (
      rate !== undefined &&
      !isFree &&
      fact !== FACT.PART &&
      !rate.take(this.#context.deadlines.now()) &&
      rate.limit.action === 'close'
    ) {
      this.#tooFast(rate);
      return false;
    }
    if (message !== undefined) {
      this.#context.counters.messagesReceived++;
      this.#context.meter?.received(core.end - core.start, isText);
      this.#owner.received(message, isText);
    } else if (fact >= FACT.PART)
      this.#owner.receivedPart?.(core.takePart(), core.isText, fact === FACT.LAST_PART);
    else this.#receiveControl(fact === FACT.PING);
    return true;
  }

  #tooFast({ limit }: RateGuard): void {
    this.#owner.rateLimited('close');
    this.#link.end.tooFast(limit.closeCode);
  }

  /** @returns `undefined` for text that is not UTF-8. */
  #takeMessage(isText: boolean): Message | undefined {
    const { core } = this.#link;
    return isText && this.#context.settings.textAs === 'string' ? core.takeText() : core.takeBytes();
  }

  #receiveControl(isPing: boolean): void {
    const { counters, deadlines } = this.#context;
    const { payload } = this.#link.core;
    if (isPing) {
      counters.pingsReceived++;
      this.#owner.receivedPing(payload);
    } else {
      counters.pongsReceived++;
      const rttMs = this.#link.pings?.received(payload, deadlines.clock.now());
      if (rttMs !== undefined) this.#owner.roundTrip(rttMs);
      this.#owner.receivedPong(payload);
    }
  }
}
