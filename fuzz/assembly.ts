import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { PeerError } from '../src/protocol/errors.ts';
import { MessageAssembler } from '../src/protocol/message-assembler.ts';
import { OutgrownMemory } from '../src/protocol/outgrown-memory.ts';
import { type Prng, prng } from './prng.ts';
import { nearlyText } from './utf8.ts';
import { firstImpossibleByte } from './utf8-model.ts';

const OUTGROWN = new OutgrownMemory();

/** Larger pieces take longer and test nothing new. */
const MOST_BYTES = 3_000;

/**
 * Assembles messages from pieces of every size, with and without a length that is known in advance. Invariants:
 * - The message equals its pieces, and its memory is its own and no larger than the message.
 * - Invalid UTF-8 fails in exactly the piece that makes it invalid, or at the end if the text stops inside a character.
 * - No piece is retained.
 * @throws Error that names seed and iteration, with the bytes in hex.
 */
export function fuzzAssembly(seed: number, iterations: number): void {
  const random = prng(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const text = random.bool();
    const size = random.int(random.pick([1, 20, 600, MOST_BYTES]));
    const whole = text ? nearlyText(random, size, 0.3) : random.bytes(size);
    const pieces = random.cut(whole, random.pick([0, 1, 3, 40]));
    const lengthKnownFrom = random.int(pieces.length + 1);
    try {
      check(text, whole, pieces, lengthKnownFrom, random);
    } catch (error) {
      throw new Error(`seed ${seed}, iteration ${iteration}: ${whole.toString('hex')}`, { cause: error });
    }
  }
}

function check(
  text: boolean,
  whole: Buffer,
  pieces: readonly Buffer[],
  lengthKnownFrom: number,
  random: Prng,
): void {
  const assembler = new MessageAssembler(text, OUTGROWN);
  const impossible = text ? firstImpossibleByte(whole) : -1;
  let given = 0;
  for (const [i, piece] of pieces.entries()) {
    // Each piece is part of a larger read, like a payload, and is overwritten as soon as the assembler has taken it.
    const before = random.int(9);
    const memory = Buffer.concat([Buffer.alloc(before, 0xff), piece, Buffer.of(0xff)]);
    const nonAscii = piece.some((byte) => byte >= 0x80) ? 0x80 : 0;
    const fails = impossible >= given && impossible < given + piece.length;
    const append = (): void =>
      assembler.append(
        memory,
        before,
        before + piece.length,
        nonAscii,
        i >= lengthKnownFrom ? whole.length : Number.POSITIVE_INFINITY,
      );
    if (fails) {
      assert.throws(append, isInvalidUtf8);
      return;
    }
    append();
    memory.fill(0xee);
    given += piece.length;
    assert.equal(assembler.length, given);
  }
  assert.equal(impossible, -1, 'an invalid byte was not detected');
  if (!text) {
    assembler.finish();
    assert.ok(assembler.bytes.subarray(0, assembler.length).equals(whole));
    assert.equal(
      assembler.bytes.buffer.byteLength,
      assembler.bytes.length,
      'the message has memory of its own',
    );
  } else if (isUtf8(whole)) {
    assembler.finish();
    assert.ok(assembler.bytes.subarray(0, assembler.length).equals(whole));
    assert.equal(
      assembler.isAscii,
      whole.every((byte) => byte < 0x80),
    );
  } else assert.throws(() => assembler.finish(), isInvalidUtf8);
}

const isInvalidUtf8 = (error: unknown): boolean => error instanceof PeerError && error.code === 'ERR_UTF8';
