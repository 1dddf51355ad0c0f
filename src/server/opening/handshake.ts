import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Connection } from '../../connection/connection.ts';
import { HandshakeError, type HandshakeErrorCode } from '../../protocol/errors.ts';
import type { RequestHead } from '../../protocol/handshake/http-head.ts';
import { type UpgradeRequest as UpgradeHead, wantsWebSocket } from '../../protocol/handshake/server.ts';
import type { DeadlineOwner } from '../../engine/deadlines.ts';
import type { ArrivedTransport, TransportOwner } from '../../sockets/transport.ts';
import { type HandshakeOwner, type PendingSocket, retryAfter } from './handshake-owner.ts';
import type { Refusal } from '../../observe/observer.ts';
import type { HandshakeTrace } from '../../observe/tracing/traces.ts';
import type { ResponseLike, UpgradeAcceptance, UpgradeRequest } from '../../options/hooks.ts';
import { PLACE_LOST, type PlaceHolder } from '../admission/handshake-places.ts';
import { HandshakeClaims } from './handshake-claims.ts';
import { HandshakeDecision } from './handshake-decision.ts';
import { HandshakeInput } from './handshake-input.ts';
import type { Arrival } from './arrival.ts';
import { Http1Answers, type HttpAnswers } from './http-answers.ts';
import { Linger } from './linger.ts';
import { PlainExchange } from './plain-exchange.ts';
import { HandedRequest } from './request-view.ts';
import { readResponse } from './response-like.ts';
import type { Sender } from '../admission/trust-proxy.ts';
import { traceHandshake } from './handshake-trace.ts';
import { answerUpgrade } from './upgrade-answer.ts';
import { UpgradeHookCall } from './upgrade-hook-call.ts';

type Stage = 'head' | 'deciding' | 'done';

/** One socket from accept to its 101 or refusal (§4.2). Every outcome releases the place and the reservation once. */
export class Handshake<UserData> implements TransportOwner, DeadlineOwner, PendingSocket, PlaceHolder {
  deadlineSlot = -1;
  readonly #owner: HandshakeOwner<UserData>;
  readonly #transport: ArrivedTransport;
  readonly #answers: HttpAnswers;
  readonly #socket: Duplex | undefined;
  /** The client uses TLS, up to this server or up to a trusted proxy. */
  #secure: boolean;
  readonly #finished: (connection: Connection<UserData> | undefined) => void;
  #stage: Stage = 'head';
  readonly #input: HandshakeInput;
  #head: RequestHead | undefined;
  /** Deadline for the complete request. */
  readonly #deadlineMs: number;
  /** When TCP accepted the socket, on the clock. Unlike deadlines, it counts the time in which the process was stalled. */
  readonly #acceptedAtMs: number;
  readonly #claims: HandshakeClaims;
  /** Set before the hook is called, if there is anything to wait for. */
  #decision: HandshakeDecision<UserData> | undefined;
  #trace: HandshakeTrace | undefined;

  /** @param finished Called once, with the connection if there is one. */
  constructor(
    owner: HandshakeOwner<UserData>,
    { socket, open, answers, acceptedAtMs, place, source }: Arrival,
    finished: (connection: Connection<UserData> | undefined) => void,
  ) {
    this.#owner = owner;
    this.#input = new HandshakeInput(owner, () =>
      this.#refuse('ERR_SERVER_FULL', 'the memory budget is used up'),
    );
    this.#finished = finished;
    this.#socket = socket;
    const encryptable: (Duplex & { encrypted?: boolean }) | undefined = socket;
    this.#secure = encryptable?.encrypted === true;
    this.#transport = open(this);
    this.#answers = answers ?? new Http1Answers(this.#transport, owner.engine.packingTable);
    if (source !== undefined) this.#transport.standFor(source.address, source.port);
    owner.pendingSockets.add(this);
    this.#claims = new HandshakeClaims(owner, this.#transport.remoteAddress, this, place);
    const { deadlines } = owner;
    const nowMs = deadlines.now();
    this.#acceptedAtMs = deadlines.clock.now() - nowMs + (acceptedAtMs ?? nowMs);
    this.#deadlineMs = (acceptedAtMs ?? nowMs) + owner.options.handshakeTimeoutMs;
    owner.deadlines.plan(this, this.#deadlineMs);
  }

  /** Reads the head from the socket itself. */
  readHead(): void {
    if (!this.#mayStart()) return;
    this.#input.readHead();
  }

  /** Continues with a head that an HTTP server has read, and with the bytes that followed it. */
  withHead(head: RequestHead, rest: Buffer, incoming?: IncomingMessage): void {
    this.#head = head;
    if (!this.#mayStart() || !this.#keepEarly(rest)) return;
    this.#attempt(() => this.#decide(head, incoming));
  }

  shutDown(): void {
    this.#refuse('ERR_SHUTTING_DOWN');
  }

  placeLost(): void {
    this.#refuse('ERR_SERVER_FULL', PLACE_LOST);
  }

  destroy(): void {
    this.#transport.destroy();
  }

  received(chunk: Buffer): void {
    if (!this.#input.isReadingHead) {
      this.#keepEarly(chunk);
      return;
    }
    try {
      this.#receiveHead(chunk);
    } catch (error) {
      this.#refuseFor(error);
    }
  }

  receivedEnd(): void {
    // After EOF a client can complete neither its head nor a closing handshake.
    this.#transport.end();
    this.#leave();
  }

  writable(): void {}

  closed(): void {
    this.#leave();
    this.#owner.socketReleased(this);
  }

  deadlineReached(): void {
    if (this.#decision?.deadlineReached() === true) return;
    this.#refuse(this.#stage === 'head' ? 'ERR_HEAD_TIMEOUT' : 'ERR_UPGRADE_TIMEOUT');
  }

  /** A call by the transport or the deadline queue threw: destroys the socket and releases everything. */
  failed(): void {
    this.#transport.destroy();
    this.#leave();
  }

  #mayStart(): boolean {
    const { refusal } = this.#claims;
    if (this.#owner.shuttingDown) this.#refuse('ERR_SHUTTING_DOWN');
    else if (refusal !== undefined) this.#refuse(refusal.refused, refusal.detail, refusal.error);
    else return true;
    return false;
  }

  /** Turns every exception, of the parser or of application code, into a refusal. */
  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#refuseFor(error);
    }
  }

  #refuseFor(error: unknown): void {
    if (error instanceof HandshakeError && error.code !== 'ERR_UPGRADE_HOOK')
      this.#refuse(error.code as HandshakeErrorCode, error.message, error.cause);
    else this.#refuse('ERR_UPGRADE_HOOK', undefined, error);
  }

  #receiveHead(chunk: Buffer): void {
    const taken = this.#input.takeHead(chunk);
    if (taken === undefined) return;
    const { head, rest } = taken;
    this.#head = head;
    if (!wantsWebSocket(head)) this.#plainRequest(head, rest);
    else if (this.#keepEarly(rest)) this.#decide(head);
  }

  /** @returns False if the handshake is over. */
  #keepEarly(bytes: Buffer): boolean {
    if (this.#stage === 'done' || !this.#input.hold(bytes)) return false;
    if (this.#input.isFull) this.#transport.pause();
    return true;
  }

  #plainRequest(head: RequestHead, rest: Buffer): void {
    const answer = this.#owner.endpoints?.answer(head);
    if (answer !== undefined) {
      this.#transport.write([answer]);
      this.#lingers();
      this.#finished(undefined);
      return;
    }
    const { request } = this.#owner.options;
    if (request === undefined) {
      const isLost = head.fields.count('sec-websocket-key') > 0;
      if (isLost) this.#owner.upgradeLost(this.#transport.remoteAddress, head.target);
      this.#refuse('ERR_NO_UPGRADE');
      return;
    }
    const sender = this.#meetSender(head);
    const place = this.#claims.passPlace();
    this.#end();
    const plain = { head, sender, place, deadlineMs: this.#deadlineMs };
    const exchange = new PlainExchange(this.#owner, this.#transport, plain, request);
    exchange.start(rest);
    this.#finished(undefined);
    this.#owner.socketReleased(this);
  }

  /** Replaces the address and the security of the client by those that a trusted proxy reports. */
  #meetSender(head: RequestHead): Sender {
    const transport = this.#transport;
    const sender = this.#owner.policies.senderOf(transport.remoteAddress, this.#secure, head.fields);
    if (sender.proxied) {
      transport.standFor(sender.address);
      this.#claims.moveTo(sender.address);
    }
    this.#secure = sender.secure;
    return sender;
  }

  #decide(head: RequestHead, incoming?: IncomingMessage): void {
    const { host } = this.#meetSender(head);
    const trace = traceHandshake(
      this.#owner.handshakeTracer,
      head,
      this.#transport.remoteAddress,
      this.#secure,
      incoming,
    );
    this.#trace = trace;
    if (trace === undefined) this.#judge(head, host, incoming);
    else trace.run(() => this.#attempt(() => this.#judge(head, host, incoming)));
  }

  /** @param forwardedHost What a trusted proxy reports instead of `Host`. */
  #judge(head: RequestHead, forwardedHost: string | undefined, incoming: IncomingMessage | undefined): void {
    const owner = this.#owner;
    const upgrade = this.#answers.read(head, this.#secure, forwardedHost);
    if (!owner.policies.matchesPath(upgrade.path)) {
      this.#refuse('ERR_PATH');
      return;
    }
    const request = new HandedRequest(upgrade, incoming);
    const foreign = owner.policies.judgeOrigin({
      origins: upgrade.origins,
      host: upgrade.host,
      secure: this.#secure,
      request,
    });
    if (foreign !== undefined) {
      this.#refuse(
        foreign.code,
        `${foreign.why}; origin ${upgrade.origins.join(', ')}, host ${upgrade.host}`,
      );
      return;
    }
    const hasHook = owner.options.upgrade !== undefined;
    const call = hasHook ? UpgradeHookCall.enter(owner.guard.breaker) : undefined;
    if (hasHook && call === undefined) {
      this.#refuse('ERR_BREAKER_OPEN');
      return;
    }
    // Before the reservation: a refusal ends the call.
    if (hasHook) this.#decision = new HandshakeDecision(owner, this, call);
    const refusal = this.#claims.reserve(this.#transport.remoteAddress, hasHook);
    if (refusal !== undefined) {
      this.#refuse(refusal.refused, undefined, undefined, refusal.retryAfterSeconds);
      return;
    }
    this.#stage = 'deciding';
    const opening = owner.opening();
    if (opening !== undefined || owner.guard.gate.delayMs > 0)
      this.#decision ??= new HandshakeDecision(owner, this, undefined);
    if (this.#decision === undefined) this.#admit(upgrade, request, undefined);
    else void this.#ask(this.#decision, opening, upgrade, request);
  }

  /** @param opening What the server still loads. */
  async #ask(
    decision: HandshakeDecision<UserData>,
    opening: Promise<void> | undefined,
    upgrade: UpgradeHead,
    request: UpgradeRequest,
  ): Promise<void> {
    const { remoteAddress } = this.#transport;
    const asked = { head: upgrade, request, remoteAddress, secure: this.#secure, socket: this.#socket };
    const isWanted = (): boolean => this.#stage === 'deciding';
    try {
      const verdict = await decision.verdict(asked, opening, isWanted);
      if (!isWanted()) return;
      if (verdict.refusal === undefined) this.#admit(upgrade, request, verdict.acceptance);
      else await this.#refuseWith(verdict.refusal);
    } catch (error) {
      if (isWanted()) this.#refuse('ERR_UPGRADE_HOOK', undefined, error);
    }
  }

  /** Accepts the handshake, unless load or limits forbid it for its priority. */
  #admit(
    upgrade: UpgradeHead,
    request: UpgradeRequest,
    decision: UpgradeAcceptance<UserData> | undefined,
  ): void {
    const priority = decision?.priority ?? 'normal';
    const refusal = this.#owner.guard.gate.refusal(priority) ?? this.#claims.decide(priority);
    if (refusal === undefined) this.#accept(upgrade, request, decision);
    else this.#refuse(refusal.refused);
  }

  #accept(
    upgrade: UpgradeHead,
    request: UpgradeRequest,
    decision: UpgradeAcceptance<UserData> | undefined,
  ): void {
    const { options, live, engine } = this.#owner;
    const answer = answerUpgrade(upgrade, options, live.quality.compresses, decision, engine.zlib);
    // Before the reservation changes hands: HTTP/2 may refuse a header field.
    this.#answers.accept(upgrade, answer);
    const reservation = this.#claims.passReservation();
    this.#end();
    const transport = this.#transport;
    const handshakeMs = this.#owner.deadlines.clock.now() - this.#acceptedAtMs;
    const driver = this.#owner.admitted(
      answer.identity,
      request,
      reservation,
      (owner) => transport.handTo(owner),
      handshakeMs,
      this.#trace,
    );
    this.#finished(driver.connection);
    transport.resume();
    driver.receiveEarly(this.#input.passHeld());
    this.#owner.socketReleased(this);
  }

  /** @param retryAfterSeconds Default: a time at random. */
  #refuse(code: HandshakeErrorCode, detail?: string, error?: unknown, retryAfterSeconds?: number): void {
    if (this.#stage === 'done') return;
    const status = this.#answers.refuse(code, retryAfterSeconds ?? retryAfter(this.#owner.options));
    this.#lingers();
    this.#report({ status, code, detail, error });
  }

  /** Sends the response that the `upgrade` hook returned. */
  async #refuseWith(response: ResponseLike): Promise<void> {
    const { status, headers, body } = await readResponse(response);
    if (this.#stage !== 'deciding') return;
    this.#answers.respond(status, headers, body);
    this.#lingers();
    this.#report({ status, code: `HTTP_${status}` });
  }

  #report(result: Pick<Refusal, 'status' | 'code' | 'detail' | 'error'>): void {
    const head = this.#head;
    const { remoteAddress } = this.#transport;
    const refusal = { ...result, remoteAddress, url: head?.target ?? '' };
    if (this.#trace !== undefined) this.#trace.refused(refusal);
    else {
      const trace = traceHandshake(this.#owner.handshakeTracer, head, remoteAddress, this.#secure);
      trace?.run(() => trace.refused(refusal));
    }
    this.#owner.refused(refusal);
    this.#finished(undefined);
  }

  /** The answer was sent: releases everything, and closes the socket after a while. */
  #lingers(): void {
    this.#release();
    this.#end();
    const { pendingSockets, deadlines } = this.#owner;
    const linger = new Linger(this.#transport, deadlines, (gone) => this.#owner.socketReleased(gone));
    pendingSockets.add(linger);
    this.#owner.socketReleased(this);
  }

  /** Ends without an answer. */
  #leave(): void {
    if (this.#stage === 'done') return;
    this.#release();
    this.#end();
    this.#trace?.abandoned();
    this.#finished(undefined);
  }

  #release(): void {
    this.#claims.cancelReservation();
    this.#input.release();
    this.#decision?.abort();
  }

  #end(): void {
    this.#stage = 'done';
    this.#owner.deadlines.cancel(this);
    this.#claims.leave();
  }
}
