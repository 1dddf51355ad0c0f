import type { AddressInfo } from 'node:net';
import { escaped, levelOfClose } from '../../connection/log.ts';
import type { Clock } from '../../engine/clock.ts';
import type { BreakerState } from '../../breaker/breaker-core.ts';
import type { ShedBatch } from '../load-control/shedder.ts';
import type { CloseInfo } from '../../protocol/close-info.ts';
import { printable } from '../../protocol/printable.ts';
import type { LoadAlert, PressureInfo } from '../load-control/reading.ts';
import type { ObservedConnection, Observer, Refusal } from '../observer.ts';
import { MinuteCounts } from './minute-counts.ts';
import type { AdminEvent, AdminEventKind } from './snapshot.ts';

const MAX_EVENTS = 100;
const MAX_TEXT = 300;

/** Codes with which applications close on purpose; 1005 is a Close without a code. */
const ORDINARY_CODES: ReadonlySet<number> = new Set([1000, 1001, 1005, 1006]);

/** Keeps the last events and the counts of the last minute, for viewers of the admin port that connect later. */
export class AdminRecorder implements Observer {
  readonly #clock: Clock;
  readonly #closes = new MinuteCounts();
  readonly #refusals = new MinuteCounts();
  /** The oldest is first. */
  readonly #events: AdminEvent[] = [];
  #number = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get events(): readonly AdminEvent[] {
    return [...this.#events];
  }

  /** Closes by cause, and refusals by code, of the last 60 seconds. */
  lastMinute(): {
    readonly closesByCause: Record<string, number>;
    readonly refusedByCode: Record<string, number>;
  } {
    const nowMs = this.#clock.now();
    return { closesByCause: this.#closes.sums(nowMs), refusedByCode: this.#refusals.sums(nowMs) };
  }

  /** @param text May hold text of clients that is escaped already. */
  note(
    kind: AdminEventKind,
    severity: AdminEvent['severity'],
    text: string,
    about: { readonly id?: string; readonly remoteAddress?: string } = {},
  ): void {
    if (this.#events.length === MAX_EVENTS) this.#events.shift();
    this.#events.push({
      number: ++this.#number,
      atMs: this.#clock.wallNow(),
      kind,
      severity,
      text: text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text,
      connectionId: about.id ?? null,
      remoteAddress: about.remoteAddress ?? null,
    });
  }

  listening(address: AddressInfo | string): void {
    const where = typeof address === 'string' ? address : `${address.address} port ${address.port}`;
    this.note('listening', 'info', `listening on ${printable(where)}`);
  }

  refused({ status, code, remoteAddress, url, detail, error }: Refusal): void {
    this.#refusals.add(code, this.#clock.now());
    const path = url.split('?', 1)[0]!;
    const why = detail ?? (error === undefined ? '' : messageOf(error));
    const text = [
      status === 0 ? code : `${code} (${status})`,
      ...(path === '' ? [] : [escaped(path)]),
      ...(why === '' ? [] : [escaped(why)]),
    ].join(' · ');
    this.note('refused', error === undefined ? 'warn' : 'error', text, { remoteAddress });
  }

  closed(connection: ObservedConnection, { code, reason, cause, error }: CloseInfo): void {
    this.#closes.add(cause, this.#clock.now());
    // One event tells of the whole batch.
    if (cause === 'load-shed') return;
    const level = levelOfClose(cause);
    if (level === 'debug' && ORDINARY_CODES.has(code)) return;
    const text = [
      `${cause}, code ${code}`,
      ...(reason === '' ? [] : [escaped(reason)]),
      ...(error === undefined || error.message === reason ? [] : [escaped(error.message)]),
    ].join(' · ');
    this.note('closed', level === 'debug' ? 'info' : level, text, connection);
  }

  configured(names: readonly string[]): void {
    this.note('configured', 'info', `configured: ${names.join(', ')}`);
  }

  certificateRenewed(file: string, validTo: string): void {
    this.note(
      'certificate-renewed',
      'info',
      `certificate renewed from ${printable(file)}, valid to ${validTo}`,
    );
  }

  acceptFailed(error: Error): void {
    this.note('accept-failed', 'error', `a connection could not be accepted · ${escaped(error.message)}`);
  }

  handlerFailed(error: unknown, connection: ObservedConnection | undefined): void {
    this.note('handler-failed', 'error', `a handler failed · ${escaped(messageOf(error))}`, connection);
  }

  internalFault(error: unknown, connection: ObservedConnection): void {
    this.note('internal-fault', 'error', `internal fault · ${escaped(messageOf(error))}`, connection);
  }

  engineDown(error: Error): void {
    this.note('engine-down', 'error', `engine down · ${escaped(error.message)}`);
  }

  engineUp(downMs: number, gaps: number): void {
    this.note('engine-up', 'info', `engine up after ${downMs} ms · ${gaps} topics with gaps`);
  }

  levelChanged({ level, previous, causes }: PressureInfo): void {
    const why = causes.length === 0 ? '' : ` · ${causes.join(', ')}`;
    this.note('load-level', level === 'normal' ? 'info' : 'warn', `load was ${previous}, is ${level}${why}`);
  }

  alerted({ name, raised, value, threshold }: LoadAlert): void {
    this.note(
      'alert',
      raised ? 'warn' : 'info',
      `alert ${raised ? 'raised' : 'cleared'} · ${name} is ${value.toFixed(2)}, its threshold ${threshold}`,
    );
  }

  batchShed({ low, normal, high }: ShedBatch): void {
    const text = `load shed · ${low} connections of low, ${normal} of normal, ${high} of high priority`;
    this.note('load-shed', 'warn', text);
  }

  breakerChanged(next: BreakerState): void {
    this.note(
      'breaker',
      next === 'open' ? 'error' : 'info',
      `the circuit breaker of the upgrade hook is ${next}`,
    );
  }

  memoryShed(maxBytes: number): void {
    this.note(
      'memory-shed',
      'error',
      `the memory budget of ${maxBytes} bytes is used up; connections are closed`,
    );
  }
}

/** What an application threw may be anything, even an object whose `message` throws. */
function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'an error that cannot be shown';
  }
}
