import { Buffer } from 'node:buffer';
import { HandshakeError } from '../../protocol/errors.ts';
import { type HeadLimits, HeadParser, type RequestHead } from '../../protocol/handshake/http-head.ts';
import { proxyVersion } from '../../protocol/handshake/proxy-header.ts';
import { HeldInput, type HeldInputOwner } from './held-input.ts';

/** Most bytes buffered from a client that sends before the answer; then reading its socket stops. */
const MAX_EARLY_BYTES = 65_536;
const NOTHING: Buffer = Buffer.alloc(0);

/** What a client sends before its answer: the head of its request, if the server reads it, and bytes after the head. */
export class HandshakeInput {
  readonly #owner: HeldInputOwner & { readonly options: HeadLimits };
  readonly #shed: () => void;
  #parser: HeadParser | undefined;
  #hasReceived = false;
  #early: HeldInput | undefined;

  /** @param shed Called when the memory budget is used up; must call {@link release}. */
  constructor(owner: HeldInputOwner & { readonly options: HeadLimits }, shed: () => void) {
    this.#owner = owner;
    this.#shed = shed;
  }

  /** The head is not complete. */
  get isReadingHead(): boolean {
    return this.#parser !== undefined;
  }

  /** So many bytes are held that the socket must not be read. */
  get isFull(): boolean {
    return this.#early !== undefined && this.#early.length >= MAX_EARLY_BYTES;
  }

  /** Expects a head from here on. */
  readHead(): void {
    this.#parser = new HeadParser(this.#owner.options);
  }

  /**
   * Takes the next chunk of the head.
   * @returns The head and the bytes after it; `undefined` if more input is needed.
   * @throws HandshakeError For bytes that are no head, or too many.
   */
  takeHead(chunk: Buffer): { readonly head: RequestHead; readonly rest: Buffer } | undefined {
    const parser = this.#parser!;
    const isFirst = !this.#hasReceived;
    this.#hasReceived = true;
    let head: RequestHead | undefined;
    try {
      head = parser.receive(chunk);
    } catch (error) {
      const version = isFirst ? proxyVersion(chunk) : undefined;
      if (typeof version !== 'number') throw error;
      const detail = `it is a PROXY protocol header (version ${version}): list the proxy in the option proxyProtocol`;
      throw new HandshakeError('ERR_HEAD_SYNTAX', detail);
    }
    if (head === undefined) return undefined;
    this.#parser = undefined;
    return { head, rest: parser.takeRest() };
  }

  /** Holds bytes after the head. @returns `false` if they exceeded the memory budget, and `shed` was called. */
  hold(bytes: Buffer): boolean {
    if (bytes.length === 0) return true;
    this.#early ??= new HeldInput(this.#owner, MAX_EARLY_BYTES, this.#shed);
    return this.#early.append(bytes);
  }

  /** Returns the held bytes, which belong to the caller then. */
  passHeld(): Buffer {
    const early = this.#early?.bytes ?? NOTHING;
    this.release();
    return early;
  }

  release(): void {
    this.#early?.release();
  }
}
