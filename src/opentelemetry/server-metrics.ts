import type {
  Attributes,
  BatchObservableResult,
  Histogram,
  Meter,
  MetricOptions,
  Observable,
} from '@opentelemetry/api';
import { METRIC_TABLE } from '../observe/metrics/metric-table.ts';
import { samplesOfServer } from '../observe/metrics/samples.ts';
import type { ObservedServer } from '../observe/observed-server.ts';
import type { ObservedConnection, Observer } from '../observe/observer.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import { ATTRIBUTE, kindOf, WEBSOCKET } from './attributes.ts';
import { guarded } from './guard.ts';
import { INSTRUMENT_TABLE, type InstrumentRow } from './instrument-table.ts';

type Name = keyof typeof INSTRUMENT_TABLE;

const MS_PER_SECOND = 1_000;
const NAMES = Object.freeze(Object.keys(INSTRUMENT_TABLE)) as readonly Name[];

/**
 * The metrics of a server in OpenTelemetry. One callback reads all counters and gauges when the SDK collects; histograms are
 * recorded as an observer of the server, and by `MessageSpans` for the sampled messages.
 */
export class ServerMetrics implements Observer {
  readonly #meter: Meter;
  readonly #server: ObservedServer;
  /** By the name in OpenTelemetry: two metrics may share an instrument. */
  readonly #observables = new Map<string, Observable>();
  readonly #histograms = new Map<Name, Histogram>();
  /** Attributes of everything; `undefined` until they are needed. The address of a listening server takes a system call. */
  #base: Attributes | undefined;
  /** Attributes of message sizes, by direction and kind. */
  readonly #ofSizes = new Map<string, Attributes>();

  constructor(meter: Meter, server: ObservedServer) {
    this.#meter = meter;
    this.#server = server;
    for (const name of NAMES) {
      const { kind, name: otelName, unit } = INSTRUMENT_TABLE[name];
      const { help: description, buckets } = METRIC_TABLE[name];
      if (kind === 'histogram') {
        const advice = { explicitBucketBoundaries: [...(buckets ?? [])] };
        this.#histograms.set(name, meter.createHistogram(otelName, { unit, description, advice }));
      } else if (!this.#observables.has(otelName))
        this.#observables.set(otelName, observable(meter, kind, otelName, { unit, description }));
    }
  }

  start(): void {
    this.#meter.addBatchObservableCallback(this.#read, [...this.#observables.values()]);
  }

  stop(): void {
    guarded(() => this.#meter.removeBatchObservableCallback(this.#read, [...this.#observables.values()]));
  }

  readonly #read = (result: BatchObservableResult): void => {
    const reading = this.#server.readMetrics();
    const base = this.#baseAttributes();
    for (const name of NAMES) {
      const { name: otelName, attributes = [], constant } = INSTRUMENT_TABLE[name];
      const instrument = this.#observables.get(otelName);
      if (instrument === undefined) continue;
      for (const [labels, value] of samplesOfServer(name, reading)) {
        const own = Object.fromEntries(labels.map((label, at) => [attributes[at]!, label]));
        if (typeof value === 'number') result.observe(instrument, value, { ...base, ...constant, ...own });
      }
    }
  };

  // `Observer`.

  listening(): void {
    this.#base = undefined;
    this.#ofSizes.clear();
  }

  opened(_connection: ObservedConnection, handshakeMs: number, status: number): void {
    this.#record('handshake_seconds', handshakeMs / MS_PER_SECOND, { [ATTRIBUTE.status]: status });
  }

  upgradeHookEnded(durationMs: number): void {
    this.#record('upgrade_hook_seconds', durationMs / MS_PER_SECOND);
  }

  closed(connection: ObservedConnection, { error }: CloseInfo): void {
    const lastedMs = this.#server.clock.wallNow() - connection.connectedAtMs;
    // The wall clock may have been set back.
    this.#record(
      'connection_seconds',
      Math.max(0, lastedMs) / MS_PER_SECOND,
      error === undefined ? {} : { [ATTRIBUTE.errorType]: error.code },
    );
  }

  roundTrip(_connection: ObservedConnection, rttMs: number): void {
    this.#record('ping_rtt_seconds', rttMs / MS_PER_SECOND);
  }

  // Of the sampled messages.

  sampledSize(direction: 'received' | 'sent', bytes: number, isText: boolean): void {
    const kind = kindOf(isText);
    const key = `${direction} ${kind}`;
    let attributes = this.#ofSizes.get(key);
    if (attributes === undefined) {
      attributes = { ...this.#baseAttributes(), [ATTRIBUTE.direction]: direction, [ATTRIBUTE.kind]: kind };
      this.#ofSizes.set(key, attributes);
    }
    this.#histogram('message_bytes', bytes, attributes);
  }

  sampledHandler(durationMs: number): void {
    this.#record('handler_seconds', durationMs / MS_PER_SECOND);
  }

  sampledBroadcast(recipients: number, durationMs: number): void {
    this.#record('broadcast_recipients', recipients);
    this.#record('broadcast_seconds', durationMs / MS_PER_SECOND);
  }

  #record(name: Name, value: number, attributes?: Attributes): void {
    const base = this.#baseAttributes();
    this.#histogram(name, value, attributes === undefined ? base : { ...base, ...attributes });
  }

  #histogram(name: Name, value: number, attributes: Attributes): void {
    guarded(() => this.#histograms.get(name)!.record(value, attributes));
  }

  #baseAttributes(): Attributes {
    this.#base ??= this.#readBase();
    return this.#base;
  }

  /** Name and own address of the server, where it has them. */
  #readBase(): Attributes {
    const { name } = this.#server.options;
    const address = this.#server.emitter.address();
    return {
      ...WEBSOCKET,
      ...(name === undefined ? {} : { [ATTRIBUTE.serverName]: name }),
      ...(address === null || typeof address === 'string'
        ? {}
        : { [ATTRIBUTE.serverAddress]: address.address, [ATTRIBUTE.serverPort]: address.port }),
    };
  }
}

function observable(
  meter: Meter,
  kind: Exclude<InstrumentRow['kind'], 'histogram'>,
  name: string,
  options: MetricOptions,
): Observable {
  if (kind === 'counter') return meter.createObservableCounter(name, options);
  return kind === 'gauge'
    ? meter.createObservableGauge(name, options)
    : meter.createObservableUpDownCounter(name, options);
}
