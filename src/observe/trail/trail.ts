import { driverIn, type Connection, type DriverOf } from '../../connection/connection.ts';
import {
  callOptions,
  checkArgument,
  checkCallOptions,
  checkCount,
  FUNCTION,
  wholeNumber,
} from '../../options/call-check.ts';
import { OPCODE, type Role } from '../../protocol/constants.ts';
import { CONNECTION } from '../capture/capture-options.ts';
import { watchCalls } from '../capture/shadow.ts';
import { tapConnection, tapStart } from '../capture/tap.ts';
import { ownedBitsOf } from '../inspect/compression.ts';
import { opcodeName } from '../inspect/fields.ts';
import { FrameDissector, type WireFrame } from '../inspect/frame-dissector.ts';
import { LegalityJudge } from './legality.ts';
import { entryText, type TrailEntry, type TrailEvent } from './trail-entry.ts';

const DEFAULT_ENTRIES = 256;

/** Options of a trail. */
export interface TrailOptions {
  /** Entries to keep, the latest ones: 1 to 65,536. Default 256. */
  readonly entries?: number | undefined;
  /** Called once when the connection has ended, with the entries, oldest first. If it throws, that is a failure of a handler. */
  readonly onClose?: ((trail: readonly TrailEntry[]) => void) | undefined;
}

/** The trail of one connection. */
export interface Trail {
  /** The latest entries, oldest first: a copy. */
  readonly entries: readonly TrailEntry[];
  /** Steps that broke a rule, oldest first, also those that `entries` no longer has; as many as `entries` can have. */
  readonly illegal: readonly TrailEntry[];
  /** The entries as text, one line each. */
  dump(): string;
  /** Stops recording; the entries stay readable. Later calls do nothing. */
  stop(): void;
}

const OPTIONS = callOptions({ entries: wholeNumber(1, 65_536), onClose: FUNCTION });

/**
 * Records the latest steps of one connection: states, frames without their payload, deadlines, pauses, writes and the closing
 * handshake. Each step is checked against the tables of states and against RFC 6455; a step that breaks a rule has `illegal`. A
 * connection without a trail is not affected.
 * @throws MisuseError `ERR_ARGUMENT` unless `connection` is a connection; `ERR_OPTION` for an invalid option.
 */
export function trail<UserData>(connection: Connection<UserData>, options?: TrailOptions): Trail;
export function trail(...given: readonly unknown[]): Trail {
  const [connection, options] = given;
  checkArgument('trail', 'connection', connection, CONNECTION);
  checkCallOptions('trail', options, OPTIONS, 'pass { onClose: (entries) => … }');
  checkCount('trail', given, 2);
  const { entries = DEFAULT_ENTRIES, onClose } = (options ?? {}) as TrailOptions;
  return new ConnectionTrail(driverIn(connection as Connection)!, entries, onClose);
}

class ConnectionTrail implements Trail {
  readonly #driver: DriverOf<unknown>;
  readonly #max: number;
  readonly #onClose: TrailOptions['onClose'];
  readonly #judge = new LegalityJudge();
  readonly #ring: TrailEntry[] = [];
  /** Index of the oldest entry once the ring is full. */
  #oldest = 0;
  readonly #illegal: TrailEntry[] = [];
  readonly #removals: (() => void)[];
  readonly #startMs: number;
  #phase;
  #step;
  #sentBytes;

  constructor(driver: DriverOf<unknown>, max: number, onClose: TrailOptions['onClose']) {
    this.#driver = driver;
    this.#max = max;
    this.#onClose = onClose;
    const { link } = driver;
    this.#startMs = driver.owner.deadlines.clock.now();
    this.#phase = link.core.phase;
    this.#step = link.endStep;
    this.#sentBytes = link.outbox.sentBytes;
    this.#removals = this.#attach();
  }

  get entries(): readonly TrailEntry[] {
    return [...this.#ring.slice(this.#oldest), ...this.#ring.slice(0, this.#oldest)];
  }

  get illegal(): readonly TrailEntry[] {
    return [...this.#illegal];
  }

  dump(): string {
    return this.entries.map(entryText).join('\n');
  }

  stop(): void {
    for (const remove of this.#removals.splice(0)) remove();
  }

  #attach(): (() => void)[] {
    const { link } = this.#driver;
    const { role } = link.core;
    const { input, outputBytes } = tapStart(link);
    const ownedBits = ownedBitsOf(this.#driver.extensions);
    const common = { keepBytes: 2, ownedBits };
    const peer: Role = role === 'server' ? 'client' : 'server';
    const received = new FrameDissector(
      peer,
      { ...common, skipBytes: input.payloadBytes, messageOpcode: input.messageOpcode },
      (frame) => this.#frame('in', frame),
    );
    const sent = new FrameDissector(role, { ...common, skipBytes: outputBytes }, (frame) =>
      this.#frame('out', frame),
    );
    received.push(input.unparsed);
    const settle = { after: () => this.#settle() };
    return [
      tapConnection(link, {
        received: (bytes) => received.push(bytes),
        sent: (chunks) => {
          for (const chunk of chunks) sent.push(chunk);
        },
        failed: () => this.stop(),
      }),
      watchCalls(link, 'moveTo', {
        before: (to) => this.#add({ kind: 'state', from: link.state, to }),
        ...settle,
      }),
      watchCalls(link, 'received', settle),
      watchCalls(link, 'closed', settle),
      watchCalls(link, 'deadlineReached', { before: () => this.#add({ kind: 'timer' }), ...settle }),
      watchCalls(link, 'flush', { after: () => this.#flushed() }),
      watchCalls(link.transport, 'pause', { before: () => this.#add({ kind: 'pause', paused: true }) }),
      watchCalls(link.transport, 'resume', { before: () => this.#add({ kind: 'pause', paused: false }) }),
      watchCalls(link, 'release', { after: () => this.#ended() }),
    ];
  }

  #frame(dir: 'in' | 'out', { opcode, fin, length, payload }: WireFrame): void {
    const hasCode = opcode === OPCODE.CLOSE && payload.length === 2;
    this.#add({
      kind: 'frame',
      dir,
      type: opcodeName(opcode),
      fin,
      bytes: length,
      ...(hasCode ? { code: payload.readUInt16BE(0) } : {}),
    });
  }

  /** Adds the steps of the end that have happened since the last call. */
  #settle(): void {
    const { link } = this.#driver;
    const { phase } = link.core;
    const step = link.endStep;
    if (phase !== this.#phase) this.#add({ kind: 'close', what: 'phase', from: this.#phase, to: phase });
    if (step !== this.#step) this.#add({ kind: 'close', what: 'step', from: this.#step, to: step });
    this.#phase = phase;
    this.#step = step;
  }

  #flushed(): void {
    const { outbox, bufferedBytes } = this.#driver.link;
    const bytes = outbox.sentBytes - this.#sentBytes;
    this.#sentBytes = outbox.sentBytes;
    if (bytes > 0) this.#add({ kind: 'flush', bytes, bufferedBytes });
    this.#settle();
  }

  #ended(): void {
    this.#settle();
    this.stop();
    try {
      this.#onClose?.(this.entries);
    } catch (error) {
      this.#driver.owner.handlerFailed(error, this.#driver, 'onClose of a trail');
    }
  }

  #add(event: TrailEvent): void {
    const atMs = this.#driver.owner.deadlines.clock.now() - this.#startMs;
    const illegal = this.#judge.judge(event);
    const entry: TrailEntry = illegal === undefined ? { atMs, ...event } : { atMs, ...event, illegal };
    if (this.#ring.length < this.#max) this.#ring.push(entry);
    else {
      this.#ring[this.#oldest] = entry;
      this.#oldest = (this.#oldest + 1) % this.#max;
    }
    if (illegal !== undefined && this.#illegal.length < this.#max) this.#illegal.push(entry);
  }
}
