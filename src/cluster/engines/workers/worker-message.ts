import { Buffer } from 'node:buffer';

/** Version of what workers and hub send each other. */
export const VERSION = 1;

/** The first message of a worker, and its answer. */
export interface Greeting {
  readonly version: number;
  /** Whether the channel transfers bytes as bytes. */
  readonly isAdvanced: boolean;
}

/** A parcel of a lane, or a greeting. */
export type WorkerMessage = Uint8Array | Greeting;

/** A message on the channel that the application uses, too: an object with the one field `hawser`. */
export interface Wire {
  readonly hawser: Uint8Array | string | { readonly version: number; readonly probe: Uint8Array };
}

/** @param asText Base64 instead of bytes, for a channel that only transfers JSON. */
export function toWire(message: WorkerMessage, asText: boolean): Wire {
  if (!(message instanceof Uint8Array))
    return { hawser: { version: message.version, probe: Uint8Array.of(1) } };
  return {
    hawser: asText
      ? Buffer.from(message.buffer, message.byteOffset, message.length).toString('base64')
      : message,
  };
}

/** @returns `undefined` for a message of the application. */
export function fromWire(wire: unknown): WorkerMessage | undefined {
  const message: unknown =
    typeof wire === 'object' && wire !== null && 'hawser' in wire ? wire.hawser : undefined;
  if (message instanceof Uint8Array) return message;
  if (typeof message === 'string') return Buffer.from(message, 'base64');
  if (typeof message !== 'object' || message === null) return undefined;
  const { version, probe } = message as { readonly version?: unknown; readonly probe?: unknown };
  // JSON turns the probe into a plain object.
  return typeof version === 'number' ? { version, isAdvanced: probe instanceof Uint8Array } : undefined;
}
