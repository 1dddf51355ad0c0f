import { Buffer } from 'node:buffer';
import type { LookupAddress } from 'node:dns';
import type { Duplex } from 'node:stream';
import { Connection } from '../connection/connection.ts';
import { ConnectError, type ConnectPhase } from '../protocol/connect-error.ts';
import {
  type Agreement,
  KEY_BYTES,
  makeKey,
  NO_EXTENSIONS,
  renderUpgradeRequest,
  type UpgradeRequestHead,
} from '../protocol/handshake/client.ts';
import type { DeadlineOwner, DeadlineQueue } from '../transport/deadlines.ts';
import { deadlinesOf } from '../transport/deadlines.ts';
import { Dial, type DialOwner, type DialTarget } from '../transport/dial.ts';
import { resolveHost } from '../transport/resolve-host.ts';
import { StreamTransport } from '../transport/stream-transport.ts';
import type { TransportOwner } from '../transport/transport.ts';
import { AnswerReader } from './answer-reader.ts';
import { ClientHost } from './client-host.ts';
import type { ResolvedConnectOptions } from './connect-options.ts';
import type { Destination } from './destination.ts';
import { DeflateClient } from './deflate-client.ts';
import { keysOf } from './key-pool.ts';
import { handOverLater } from './early-input.ts';
import { Turn } from './turns.ts';

/** How long the body of a refusal is waited for, in ms: that it is one is known already. */
const BODY_WAIT_MS = 1_000;

/** What was being waited for, by phase. */
const WAITING_FOR: Readonly<Record<ConnectPhase, string>> = {
  url: 'the URL',
  dns: 'the address of the host',
  turn: 'another connection to the same address',
  tcp: 'the connection to be made',
  tls: 'the TLS handshake',
  response: 'the answer of the server',
};

/** How connecting ends: once, one way or the other. */
export interface ConnectOutcome<UserData> {
  resolve(connection: Connection<UserData>): void;
  reject(reason: unknown): void;
}

/** One call of `connect`, from the name to the 101 (§4.1). Every way out gives back what was taken, once. */
export class Connecting<UserData> implements DialOwner, TransportOwner, DeadlineOwner {
  deadlineSlot = -1;
  readonly #destination: Destination;
  readonly #options: ResolvedConnectOptions;
  readonly #deadlines: DeadlineQueue;
  readonly #outcome: ConnectOutcome<UserData>;
  #phase: ConnectPhase = 'dns';
  #settled = false;
  #turn: Turn | undefined;
  #dial: Dial | undefined;
  #transport: StreamTransport | undefined;
  #answer: AnswerReader | undefined;
  /** The answer is a refusal, whose body is awaited. */
  #refusing = false;
  readonly #deflate: DeflateClient | undefined;

  constructor(destination: Destination, options: ResolvedConnectOptions, outcome: ConnectOutcome<UserData>) {
    this.#destination = destination;
    this.#options = options;
    this.#deadlines = deadlinesOf(options.clock);
    this.#outcome = outcome;
    const { perMessageDeflate } = options;
    this.#deflate = perMessageDeflate === false ? undefined : new DeflateClient(perMessageDeflate);
  }

  start(): void {
    if (!this.#mayStart()) return;
    const { address } = this.#destination;
    if ('path' in address) this.#takeTurn(address.path, address);
    else {
      resolveHost(address.host, this.#options.lookup, (error, addresses) =>
        this.#resolved(error, address, addresses),
      );
    }
  }

  /** Goes on with a connection that somebody else has made; nothing of the URL but what the request says of it counts. */
  startOver(stream: Duplex): void {
    if (this.#mayStart()) this.dialled(stream);
    else stream.destroy();
  }

  dialled(stream: Duplex): void {
    this.#dial = undefined;
    this.#phase = 'response';
    this.#transport = new StreamTransport(stream, this);
    const request = this.#request();
    this.#answer = new AnswerReader(request, this.#options, () => this.#options.clock.wallNow());
    this.#transport.write([Buffer.from(renderUpgradeRequest(request), 'latin1')]);
  }

  dialFailed(error: Error): void {
    this.#phase = this.#dial?.phase ?? 'tcp';
    this.#dial = undefined;
    this.#fail(new ConnectError('ERR_CONNECT', wordsOf(error), { phase: this.#phase, cause: error }));
  }

  received(chunk: Buffer): void {
    if (this.#settled) return;
    try {
      const answer = this.#answer!.receive(chunk);
      if (answer?.is === 'accepted') this.#accept(answer.agreement, answer.rest);
      else if (answer?.is === 'refused') this.#fail(this.#answer!.refusal());
      else if (answer?.is === 'refusing' && !this.#refusing) this.#awaitBody();
    } catch (error) {
      this.#fail(error);
    }
  }

  receivedEnd(): void {
    this.closed(undefined);
  }

  writable(): void {}

  closed(error: Error | undefined): void {
    if (this.#refusing) this.#fail(this.#answer!.refusal());
    else {
      const why = error === undefined ? '' : `: ${wordsOf(error)}`;
      const cause = error === undefined ? {} : { cause: error };
      this.#fail(
        new ConnectError('ERR_RESPONSE', `it closed the connection before it had answered${why}`, {
          phase: 'response',
          ...cause,
        }),
      );
    }
  }

  deadlineReached(): void {
    if (this.#refusing) {
      this.#fail(this.#answer!.refusal());
      return;
    }
    const phase = this.#dial?.phase ?? this.#phase;
    const detail = `${this.#options.connectTimeoutMs} ms passed in waiting for ${WAITING_FOR[phase]}`;
    this.#fail(new ConnectError('ERR_CONNECT_TIMEOUT', detail, { phase }));
  }

  #mayStart(): boolean {
    const { signal, connectTimeoutMs } = this.#options;
    if (signal?.aborted === true) {
      this.#aborted();
      return false;
    }
    signal?.addEventListener('abort', this.#aborted);
    this.#deadlines.plan(this, this.#deadlines.now() + connectTimeoutMs);
    return true;
  }

  readonly #aborted = (): void => this.#fail(this.#options.signal?.reason);

  #resolved(
    error: Error | undefined,
    address: { readonly host: string; readonly port: number },
    addresses: readonly LookupAddress[],
  ): void {
    if (this.#settled) return;
    const [first] = addresses;
    if (error !== undefined || first === undefined) {
      this.#fail(new ConnectError('ERR_CONNECT', error?.message, { phase: 'dns', cause: error }));
      return;
    }
    // Names that lead to one address wait for each other (§4.1); of several addresses the first is tried first.
    this.#takeTurn(`${first.address} ${address.port}`, { ...address, addresses });
  }

  #takeTurn(key: string, target: DialTarget): void {
    if (!this.#options.serializeConnects) {
      this.#connect(target);
      return;
    }
    this.#phase = 'turn';
    this.#turn = new Turn(key, () => this.#connect(target));
    this.#turn.take();
  }

  #connect(target: DialTarget): void {
    this.#phase = 'tcp';
    const { secure } = this.#destination;
    try {
      this.#dial = new Dial(target, secure ? (this.#options.tls ?? {}) : undefined, this);
    } catch (error) {
      this.dialFailed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #request(): UpgradeRequestHead {
    const { host, target, authorization } = this.#destination;
    const { protocols, headers, origin, random } = this.#options;
    return {
      host,
      target,
      key: makeKey(random.bytes(KEY_BYTES)),
      protocols,
      extensions: this.#deflate ?? NO_EXTENSIONS,
      origin,
      headers: authorization === undefined ? headers : [...headers, ['Authorization', authorization]],
    };
  }

  #awaitBody(): void {
    this.#refusing = true;
    const dueMs = this.#deadlines.now() + BODY_WAIT_MS;
    this.#deadlines.planBy(this, dueMs);
  }

  #accept(agreement: Agreement, rest: Buffer): void {
    const transport = this.#transport!;
    this.#settle();
    const { random } = this.#options;
    const connection = new Connection<UserData>(
      new ClientHost<UserData>(this.#options),
      {
        ...agreement,
        deflate: this.#deflate?.agreed,
        id: random.uuid(),
        data: undefined as UserData,
      },
      'client',
      (owner) => handOverLater(transport, owner, rest),
      keysOf(random).next,
    );
    this.#outcome.resolve(connection);
  }

  #fail(reason: unknown): void {
    if (this.#settled) return;
    this.#settle();
    this.#dial?.cancel();
    this.#transport?.destroy();
    this.#outcome.reject(reason);
  }

  #settle(): void {
    this.#settled = true;
    this.#deadlines.cancel(this);
    this.#options.signal?.removeEventListener('abort', this.#aborted);
    this.#turn?.leave();
  }
}

/** What the system says. Of several addresses that all failed it says nothing but a code. */
function wordsOf(error: Error): string {
  if (error.message !== '') return error.message;
  const [first] = error instanceof AggregateError ? error.errors : [];
  return first instanceof Error ? first.message : error.name;
}
