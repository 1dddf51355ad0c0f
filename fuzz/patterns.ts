import assert from 'node:assert/strict';
import type { Message } from '../src/index.ts';
import type { Prng } from './prng.ts';

/** Kinds of payload. The library has a code path for each. */
const KINDS = ['ascii', 'latin', 'cyrillic', 'mixed', 'binary'] as const;
type Kind = (typeof KINDS)[number];

/** Sizes at which the library switches code paths: reuse, packing, copying, reading, inflating. */
const THRESHOLDS = [96, 2_048, 16_384, 32_768, 65_536, 131_072, 196_608];
const PREFIX = /^(\d+)\.(\d+)\.(\w+)\.(\d+)\|/;
const LONGEST_PREFIX = 40;

/** One unit of the payload. It names the sender and the message, so no two messages share a unit. */
function unit(kind: Kind, sender: number, sequence: number): string {
  const s = sender % 50;
  const q = sequence % 50;
  if (kind === 'latin') return String.fromCodePoint(0xc0 + s, 0xc0 + q);
  if (kind === 'cyrillic') return String.fromCodePoint(0x400 + s, 0x440 + q);
  if (kind === 'mixed') return String.fromCodePoint(0x41 + (s % 26), 0x400 + q, 0x4e00 + s, 0x1f600 + q);
  return String.fromCodePoint(0x30 + s, 0x41 + q);
}

/** The message with this sender and number, of about `bytes` bytes. */
function message(sender: number, sequence: number, kind: Kind, bytes: number): Message {
  const prefix = `${sender}.${sequence}.${kind}.${bytes}|`;
  const each = unit(kind, sender, sequence);
  const count = Math.max(0, Math.round((bytes - prefix.length) / Buffer.byteLength(each)));
  const text = prefix + each.repeat(count);
  return kind === 'binary' ? Buffer.from(text, 'latin1') : text;
}

/** Makes messages that all differ from each other. */
export class Messages {
  #sequence = 0;
  readonly #random: Prng;

  constructor(random: Prng) {
    this.#random = random;
  }

  next(sender: number): Message {
    const random = this.#random;
    const bytes = random.bool(0.6) ? random.int(400) : random.pick(THRESHOLDS) + random.int(5) - 2;
    return message(sender, this.#sequence++, random.pick(KINDS), bytes);
  }
}

/** @throws AssertionError unless every byte of the message is as its sender wrote it. */
function checkBytes(received: Message): void {
  const isText = typeof received === 'string';
  const start = isText ? received.slice(0, LONGEST_PREFIX) : received.toString('latin1', 0, LONGEST_PREFIX);
  const [, sender, sequence, kind, bytes] = PREFIX.exec(start) ?? [];
  assert.ok(kind !== undefined, `foreign bytes: a message begins with ${JSON.stringify(start)}`);
  const made = message(Number(sender), Number(sequence), kind as Kind, Number(bytes));
  assert.ok(isSame(received, made), `foreign bytes: ${firstDifference(received, made)}`);
}

function isSame(one: Message, other: Message): boolean {
  if (typeof one === 'string' || typeof other === 'string') return one === other;
  return one.equals(other);
}

function firstDifference(received: Message, made: Message): string {
  if (typeof received !== typeof made) return `a ${typeof received} instead of a ${typeof made}`;
  let at = 0;
  while (at < made.length && received[at] === made[at]) at++;
  const shown = (of: Message): string =>
    JSON.stringify(typeof of === 'string' ? of.slice(at, at + 8) : of.toString('latin1', at, at + 8));
  return `${shown(received)} instead of ${shown(made)} at ${at} of ${made.length}, received ${received.length}`;
}

/** One direction of one connection. Checks that every accepted message arrives whole, once and in order. */
export class Lane {
  received = 0;
  accepted = 0;
  /** Whether the last messages may be missing: the connection was aborted, or the receiver closed it. */
  mayEndEarly = false;
  readonly #name: string;
  readonly #due: (Message | undefined)[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  get isDone(): boolean {
    return this.received === this.accepted;
  }

  accept(sent: Message): void {
    this.#due[this.accepted++] = sent;
  }

  take(message: Message): void {
    checkBytes(message);
    const due = this.#due[this.received];
    assert.ok(due !== undefined, `${this.#name}: message ${this.received} was never sent`);
    this.#due[this.received++] = undefined;
    assert.ok(
      isSame(message, due),
      `${this.#name}: message ${this.received - 1} is another one: ${firstDifference(message, due)}`,
    );
  }

  finish(): void {
    assert.ok(
      this.isDone || this.mayEndEarly,
      `${this.#name}: ${this.received} of ${this.accepted} messages arrived`,
    );
  }
}
