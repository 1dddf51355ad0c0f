import { Buffer } from 'node:buffer';
import { RSV2 } from '../../../src/protocol/constants.ts';
import {
  type DecodedSink,
  type Extension,
  type MessageDecoder,
  type MessageEncoder,
  PLAN,
  type Plan,
} from '../../../src/protocol/extensions/extension.ts';

/** How a {@link Scrambling} behaves, apart from scrambling. */
export interface Behaviour {
  readonly reservedBit?: number;
  /** Encodes and decodes when {@link Scrambling.turn} is called. */
  readonly later?: boolean;
  /** Thrown by the next encoder or decoder that gets a message; reported to `done` if it works later. */
  error?: Error;
  /** Each message that is decoded gets so many bytes more. */
  readonly added?: number;
}

const KEY = 0x55;

/** The bytes of a message, scrambled or restored. */
export const scrambled = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes).map((byte) => byte ^ KEY) as Buffer;

/** XORs each byte of each message, except of messages sent with `compress: false`, in place where it may. */
export class Scrambling implements Extension {
  readonly reservedBit: number;
  /** What was called besides `plan`, `encode` and `write`. */
  readonly calls: string[] = [];
  readonly behaviour: Behaviour;
  #turns: (() => void)[] = [];

  constructor(behaviour: Behaviour = {}) {
    this.behaviour = behaviour;
    this.reservedBit = behaviour.reservedBit ?? RSV2;
  }

  /** Ends what was begun, one piece of work. @returns Whether there was any. */
  turn(): boolean {
    const next = this.#turns.shift();
    next?.();
    return next !== undefined;
  }

  encoder(): MessageEncoder {
    return {
      plan: (_data, compress): Plan =>
        compress === false ? PLAN.SKIP : this.behaviour.later === true ? PLAN.LATER : PLAN.NOW,
      encode: (input) => {
        this.#throw();
        return scrambled(input);
      },
      encodeLater: (input, done) => {
        this.#turns.push(() => {
          const { error } = this.behaviour;
          if (error === undefined) done(scrambled(input));
          else done(undefined, error);
        });
      },
      reset: () => {
        this.calls.push('reset');
        this.#turns = [];
      },
      close: () => void this.calls.push('close encoder'),
    };
  }

  decoder(done: (error?: Error) => void): MessageDecoder {
    let heldBytes = 0;
    const decode = (sink: DecodedSink, bytes: Buffer, start: number, end: number, last: boolean): void => {
      for (let i = start; i < end; i++) bytes[i]! ^= KEY;
      const { added = 0 } = this.behaviour;
      sink.decoded(bytes, start, end, last && added === 0);
      if (last && added > 0) sink.decoded(Buffer.alloc(added, '+'), 0, added, true);
    };
    return {
      get heldBytes() {
        return heldBytes;
      },
      write: (sink, bytes, start, end, last) => {
        if (this.behaviour.later !== true) {
          this.#throw();
          decode(sink, bytes, start, end, last);
          return true;
        }
        const copy = Buffer.from(bytes.subarray(start, end));
        heldBytes = copy.length;
        this.#turns.push(() => {
          heldBytes = 0;
          try {
            this.#throw();
            decode(sink, copy, 0, copy.length, last);
            copy.fill(0x3f);
            done();
          } catch (error) {
            done(error as Error);
          }
        });
        return false;
      },
      close: () => {
        this.calls.push('close decoder');
        this.#turns = [];
      },
    };
  }

  #throw(): void {
    if (this.behaviour.error !== undefined) throw this.behaviour.error;
  }
}
