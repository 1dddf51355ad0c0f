import type { AddressInfo } from 'node:net';
import type { BreakerState } from '../breaker/breaker-core.ts';
import { ConnectionLog, escaped, type Level } from '../connection/log.ts';
import type { Clock } from '../engine/clock.ts';
import type { LogFields, Logger } from '../engine/logger.ts';
import { LOAD_LEVELS } from '../observe/load-control/level.ts';
import type { LoadAlert, PressureInfo } from '../observe/load-control/reading.ts';
import type { LoadSignals } from '../observe/load-control/signals.ts';
import type { ShedBatch } from '../observe/load-control/shedder.ts';
import type { Observer, Refusal } from '../observe/observer.ts';
import type { ViolationLimit } from '../options/violation-options.ts';
import { RepeatLimit } from './repeat-limit.ts';
import type { ShutdownReport } from './shutdown.ts';
import type { StaleEntry } from './stale-entry.ts';
import type { ServerStats } from './stats.ts';

/** Health checks and scanners send such requests: they must not fill a log. */
const ROUTINE_REFUSALS: ReadonlySet<string> = new Set(['ERR_NO_UPGRADE']);
const WARNED_REFUSALS: ReadonlySet<string> = new Set([
  'ERR_HEAD_SYNTAX',
  'ERR_HEAD_TOO_BIG',
  'ERR_VERSION',
  'ERR_KEY',
  'ERR_ORIGIN',
  'ERR_HOST_NOT_ALLOWED',
  'ERR_IP_LIMIT',
  'ERR_RATE_LIMIT',
  'ERR_VIOLATION_LIMIT',
  'ERR_SERVER_FULL',
  'ERR_OVERLOADED',
  'ERR_BREAKER_OPEN',
  'ERR_UPGRADE_TIMEOUT',
  'ERR_PROXY_HEADER',
]);

function levelOf(code: string): Level {
  if (code === 'ERR_UPGRADE_HOOK') return 'error';
  if (WARNED_REFUSALS.has(code)) return 'warn';
  return ROUTINE_REFUSALS.has(code) ? 'debug' : 'info';
}

/** What happens in each state of the circuit breaker. */
const BREAKER_LINES: Readonly<Record<BreakerState, string>> = {
  open: 'the upgrade hook keeps failing: handshakes are refused for a while',
  'half-open': 'the upgrade hook is tried again',
  closed: 'the upgrade hook works again',
};

/** The path of a request target, without the query: queries often hold tokens. */
const pathOf = (target: string): string => target.split('?', 1)[0]!;

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;

const roundedSignals = (signals: LoadSignals): LogFields =>
  Object.fromEntries(
    Object.entries(signals).map(([name, value]: [string, number]) => [name, rounded(value)]),
  );

/** Adds the lines that only a server has. */
export class ServerLog extends ConnectionLog implements Observer {
  readonly #repeats: RepeatLimit;

  constructor(logger: Logger, clock: Clock) {
    super(logger, clock);
    this.#repeats = new RepeatLimit(clock, ({ level, text, what, remoteAddress }, leftOut) =>
      super.write(
        level,
        { remoteAddress, ...(what === '' ? {} : { kind: what }), leftOut },
        `${text}: more of these lines were left out`,
      ),
    );
  }

  listening(address: AddressInfo | string): void {
    const where = typeof address === 'string' ? address : `${address.address} port ${address.port}`;
    this.write('info', { where }, 'listening');
  }

  configured(names: readonly string[]): void {
    this.write('info', { options: names }, 'configured');
  }

  certificateRenewed(file: string, validTo: string): void {
    this.write('info', { file, validTo }, 'certificate renewed');
  }

  shutDown(
    report: ShutdownReport,
    { uptimeMs, connections, handshakes, messages, bytes }: ServerStats,
  ): void {
    this.#repeats.flush();
    this.write(
      'info',
      {
        ...report,
        uptimeMs: Math.round(uptimeMs),
        connections: connections.opened,
        refused: handshakes.refused,
        messagesReceived: messages.received,
        messagesSent: messages.sent,
        messagesDropped: messages.dropped,
        bytesReceived: bytes.received,
        bytesSent: bytes.sent,
      },
      'server closed',
    );
  }

  refused(refusal: Refusal): void {
    const { status, code, remoteAddress, url, detail, error } = refusal;
    this.write(
      levelOf(code),
      {
        status,
        code,
        remoteAddress,
        path: escaped(pathOf(url)),
        ...(detail === undefined ? {} : { detail: escaped(detail) }),
        ...(error === undefined ? {} : { err: error }),
      },
      'handshake refused',
      remoteAddress,
      code,
    );
  }

  upgradeLost(remoteAddress: string, url: string): void {
    this.write(
      'warn',
      { remoteAddress, path: escaped(pathOf(url)) },
      'a WebSocket handshake lost its Upgrade field on the way: let the proxy pass Upgrade and Connection on',
      remoteAddress,
    );
  }

  addressRefused(remoteAddress: string, { perMinute, refuseMs }: ViolationLimit): void {
    this.write(
      'warn',
      { remoteAddress, perMinute, refuseMs },
      'new connections of an address are refused: it broke the protocol too often',
      remoteAddress,
    );
  }

  acceptFailed(error: Error): void {
    this.write('error', { err: error }, 'a connection could not be accepted');
  }

  repaired(entries: readonly StaleEntry[]): void {
    for (const { kind, name, detail } of entries)
      this.write(
        'warn',
        { kind, name: escaped(name), detail: escaped(detail) },
        'self-check: repaired a stale entry',
      );
  }

  levelChanged({ level, previous, causes, signals }: PressureInfo): void {
    const hasRisen = LOAD_LEVELS.indexOf(level) > LOAD_LEVELS.indexOf(previous);
    this.write(
      hasRisen ? 'warn' : 'info',
      { level, previous, causes: causes.join(' '), ...roundedSignals(signals) },
      hasRisen ? 'load rose' : 'load fell',
    );
  }

  alerted({ name, raised, value, threshold, since }: LoadAlert): void {
    this.write(
      raised ? 'warn' : 'info',
      { alert: name, value: rounded(value), threshold, since: since.toISOString() },
      raised ? 'alert raised' : 'alert cleared',
    );
  }

  softLimitPassed(isAbove: boolean): void {
    if (isAbove) this.write('warn', {}, 'connections are above softLimitRatio: new handshakes are delayed');
    else
      this.write('info', {}, 'connections are below softLimitReleaseRatio: new handshakes are not delayed');
  }

  batchShed(batch: ShedBatch): void {
    this.write('warn', { ...batch }, 'load shed: connections were closed with 1013');
  }

  breakerChanged(next: BreakerState, previous: BreakerState): void {
    this.write(next === 'open' ? 'error' : 'info', { breaker: next, previous }, BREAKER_LINES[next]);
  }

  engineDown(error: Error): void {
    this.write('error', { err: error }, 'engine down');
  }

  engineUp(downMs: number, gaps: number): void {
    this.write('info', { downMs, gaps }, 'engine up');
  }

  engineFault(error: Error): void {
    this.write(
      'warn',
      { err: error },
      'a message of the engine was dropped, or a call of it failed',
      'engine',
    );
  }

  topicLost(topic: string): void {
    this.write('warn', { topic: escaped(topic) }, 'messages of a topic are missing for good', 'engine');
  }

  /** Lines for debugging are complete; others are limited for each address. */
  protected override write(
    level: Level,
    fields: LogFields,
    text: string,
    remoteAddress?: string,
    what = '',
  ): void {
    const isLimited = level !== 'debug' && remoteAddress !== undefined && remoteAddress !== '';
    if (!isLimited || this.#repeats.admits({ level, text, what, remoteAddress }))
      super.write(level, fields, text);
  }
}
