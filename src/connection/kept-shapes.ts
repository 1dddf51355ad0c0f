import { Buffer } from 'node:buffer';
import type { Engine } from '../engine/engine.ts';
import { DeadlineQueue } from '../engine/deadlines.ts';
import { DEFAULT_CONNECTION_OPTIONS, DEFAULT_DEFLATE_SETTINGS } from '../options/resolve-options.ts';
import { FACT } from '../protocol/connection.ts';
import { agreement, type DeflateAgreement, MAX_WINDOW_BITS } from '../protocol/deflate/parameters.ts';
import { NO_PEER } from '../sockets/no-peer.ts';
import { ConnectionDriver } from './connection-driver.ts';
import type { ConnectionEvents } from './connection-events.ts';
import type { SafeEmitter } from './emitter.ts';
import { type ConnectionContext, type ConnectionOwner, newTrafficCounters } from './owner.ts';

type Driver = ConnectionDriver<SafeEmitter<ConnectionEvents>>;

const SETTINGS = Object.freeze({
  ...DEFAULT_CONNECTION_OPTIONS,
  perMessageDeflate: DEFAULT_DEFLATE_SETTINGS,
});
const IDENTITY = Object.freeze({ id: '', protocol: '', extensions: '' });
/** Without windows, so that a finished message leaves no memory of zlib behind. */
const AGREED = agreement(
  { contextTakeover: false, windowBits: MAX_WINDOW_BITS },
  { contextTakeover: false, windowBits: MAX_WINDOW_BITS },
);
/** The first frame of a text, without payload. */
const UNFINISHED = Buffer.of(0x01, 0x80, 0, 0, 0, 0);
/** An empty compressed text. */
const COMPRESSED = Buffer.of(0xc1, 0x81, 0, 0, 0, 0, 0x00);

const nothing = (): void => {};
const CLOCK = Object.freeze({ now: () => 0, wallNow: () => 0, setTimer: nothing, clearTimer: nothing });

/**
 * Connections without a peer that live as long as the engine: their objects keep the hidden classes of all others. V8 decides at
 * the seventh object of a class how many fields an object holds in itself, by the hidden classes that are in use. If the first six
 * connections were gone, and collected, none was: objects of later connections were dictionaries, which take 2 KB more for
 * each connection, and are slower (decision 0032).
 */
export class KeptShapes {
  readonly plain: Driver;
  /** Made when compression is first negotiated. */
  deflate: Driver | undefined;
  readonly #context: ConnectionContext;

  constructor(engine: Engine) {
    this.#context = {
      settings: SETTINGS,
      counters: newTrafficCounters(),
      meter: undefined,
      messageTracer: undefined,
      deadlines: new DeadlineQueue(CLOCK),
      random: engine.random,
      engine,
    };
    this.plain = exampleOf(this.#context, UNFINISHED);
  }

  /** Call before a connection is made. */
  keep(isCompressed: boolean): void {
    if (isCompressed) this.deflate ??= exampleOf(this.#context, COMPRESSED, AGREED);
  }
}

/** A connection that has received `bytes`. It uses nothing of its owner but what all links use. */
function exampleOf(context: ConnectionContext, bytes: Buffer, deflate?: DeflateAgreement): Driver {
  const owner = context as ConnectionOwner<Driver, SafeEmitter<ConnectionEvents>>;
  const driver = new ConnectionDriver(owner, { ...IDENTITY, deflate }, 'server', () => NO_PEER);
  const { core } = driver.link;
  core.receive(Buffer.from(bytes));
  while (core.next() !== FACT.NONE);
  core.keepUnread();
  return driver;
}
