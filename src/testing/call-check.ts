import {
  BOOLEAN,
  callOptions,
  checkArgument,
  checkCallOptions,
  FUNCTION,
  type ValueRule,
  wholeNumber,
} from '../options/call-check.ts';
import { isOptionsObject } from '../options/option-check.ts';

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const has = (value: unknown, ...methods: string[]): boolean =>
  isObject(value) && methods.every((method) => typeof Reflect.get(value, method) === 'function');

export const OBJECT: ValueRule = { fits: isObject, allowed: 'an object' };
/** Refuses other instances: without own properties they would count as empty options. */
const SETTINGS: ValueRule = {
  fits: (value) => isOptionsObject(value, { connections: true }),
  allowed: 'an object of options, or a WebSocketServer',
};
export const TEXT: ValueRule = { fits: (value) => typeof value === 'string', allowed: 'a string' };
export const BYTES: ValueRule = {
  fits: (value) => value instanceof Uint8Array,
  allowed: 'a Buffer or Uint8Array',
};
export const TEXT_OR_BYTES: ValueRule = {
  fits: (value) => typeof value === 'string' || value instanceof Uint8Array,
  allowed: 'a string, a Buffer or a Uint8Array',
};
export const STREAM: ValueRule = {
  fits: (value) => has(value, 'on', 'write', 'pause', 'destroy'),
  allowed: 'a Duplex, such as a socket',
};
export const EMITTER: ValueRule = {
  fits: (value) => (has(value, 'on', 'off') ? true : typeof value === 'function' && 'on' in value),
  allowed: 'an event emitter',
};
export const EVENT: ValueRule = {
  fits: (value) => typeof value === 'string' || typeof value === 'symbol',
  allowed: 'the name of an event',
};
export const CLOCK: ValueRule = {
  fits: (value) => has(value, 'now', 'setTimer', 'clearTimer'),
  allowed: 'a clock such as a VirtualClock',
};
export const NUMBER: ValueRule = { fits: (value) => typeof value === 'number', allowed: 'a number' };
export const WHOLE_NUMBER: ValueRule = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const PATH: ValueRule = {
  fits: (value) => typeof value === 'string' && value.startsWith('/'),
  allowed: "a path that begins with '/'",
};
const MS: ValueRule = {
  fits: (value) => typeof value === 'number' && value >= 0,
  allowed: 'a number of milliseconds from 0 up',
};
const LIST_OF_TEXT: ValueRule = {
  fits: (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  allowed: 'an array of strings',
};
export const HOSTS: ValueRule = {
  fits: (value) => LIST_OF_TEXT.fits(value) && (value as readonly string[]).length > 0,
  allowed: 'an array of at least one host name or address',
};
const MASK: ValueRule = {
  fits: (value) => value === false || value instanceof Uint8Array,
  allowed: 'four bytes, or false',
};

const WAIT = { deadlineMs: MS };
const FRAME_EXTRAS = {
  fin: BOOLEAN,
  rsv1: BOOLEAN,
  rsv2: BOOLEAN,
  rsv3: BOOLEAN,
  mask: MASK,
  lengthForm: {
    fits: (value: unknown) => value === 'minimal' || value === 7 || value === 16 || value === 64,
    allowed: "'minimal', 7, 16 or 64",
  },
  announcedLength: {
    fits: (value: unknown) => typeof value === 'number' || typeof value === 'bigint',
    allowed: 'a number or a bigint',
  },
};

/** The options of every call of the test kit. */
export const OPTIONS = Object.freeze({
  wait: callOptions(WAIT),
  waitUntil: callOptions({ ...WAIT, description: TEXT }),
  // Accepts a result of `readFrame`, which also has `start` and `end`.
  frame: callOptions({
    ...FRAME_EXTRAS,
    opcode: NUMBER,
    payload: TEXT_OR_BYTES,
    start: NUMBER,
    end: NUMBER,
  }),
  extras: callOptions(FRAME_EXTRAS),
  readFrames: callOptions({ wholeOnly: BOOLEAN }),
  leakCheck: callOptions({ counts: OBJECT }),
  clock: callOptions({ nowMs: NUMBER, wallMs: NUMBER }),
  duplex: callOptions({
    highWaterMarkBytes: NUMBER,
    remoteAddress: TEXT,
    remotePort: wholeNumber(0, 65_535),
  }),
  pair: callOptions({
    server: SETTINGS,
    client: SETTINGS,
    path: PATH,
    clock: CLOCK,
    seed: NUMBER,
    wire: OBJECT,
  }),
  connect: callOptions({ ...WAIT, port: wholeNumber(0, 65_535), host: TEXT }),
  engineContract: callOptions({ ...WAIT, joins: BOOLEAN, clock: CLOCK, disconnect: FUNCTION }),
  upgrade: callOptions({ ...WAIT, path: TEXT, key: TEXT, protocols: LIST_OF_TEXT, headers: OBJECT }),
});

/** An element of the result of `readCapture`. */
export const CAPTURED: ValueRule = {
  fits: (value) => isObject(value) && Array.isArray(Reflect.get(value, 'frames')),
  allowed: 'a connection that readCapture returned',
};
/** The options of `replay`. */
export const REPLAY_OPTIONS = callOptions({
  server: { fits: (value) => has(value, 'handleUpgrade', 'shutdown'), allowed: 'a WebSocketServer' },
  clock: CLOCK,
});

export { checkArgument, checkCallOptions, FUNCTION };
