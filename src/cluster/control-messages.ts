import { Buffer } from 'node:buffer';
import { EngineError } from '../protocol/errors.ts';

/** @param body What follows the kind and one space. */
type ControlListener = (body: Uint8Array) => void;

const SPACE = 0x20;
/** Longest kind, in bytes. */
const MAX_KIND = 32;

/**
 * What nodes tell each other, besides messages and members. A control message is its kind, which is a word of ASCII letters, one
 * space, and a body. Every part of a node that understands a kind adds it here.
 */
export class ControlMessages {
  readonly #listeners = new Map<string, ControlListener>();

  /** Each kind has one listener. */
  on(kind: string, listener: ControlListener): void {
    this.#listeners.set(kind, listener);
  }

  /** Calls the listener of the kind. Throws `ERR_ENGINE_MESSAGE` for an unknown kind. */
  received(bytes: Uint8Array): void {
    const end = bytes.subarray(0, MAX_KIND + 1).indexOf(SPACE);
    const kind = Buffer.from(bytes.subarray(0, Math.max(end, 0))).toString('latin1');
    const listener = this.#listeners.get(kind);
    if (listener === undefined)
      throw new EngineError('ERR_ENGINE_MESSAGE', 'a control message is of an unknown kind');
    listener(bytes.subarray(end + 1));
  }
}

/** A control message of a kind. */
export const controlMessage = (kind: string, body: string): Uint8Array =>
  Buffer.from(`${kind} ${body}`, 'utf8');
