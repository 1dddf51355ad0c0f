import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { NO_CODE } from '../src/protocol/close.ts';
import { FACT, ProtocolConnection, type ProtocolOwner } from '../src/protocol/connection.ts';
import { OPCODE, type Role } from '../src/protocol/constants.ts';
import { agreement, type DeflateDirection } from '../src/protocol/deflate/parameters.ts';
import { PerMessageDeflate } from '../src/protocol/deflate/per-message-deflate.ts';
import { ERRORS } from '../src/protocol/errors.ts';
import type { Extension } from '../src/protocol/extensions/extension.ts';
import type { ProtocolLimits } from '../src/protocol/limits.ts';
import { PreparedMessage } from '../src/protocol/outgoing/prepared-message.ts';
import { ProtocolMemory } from '../src/protocol/memory.ts';
import { PAGE_BYTES } from '../src/protocol/message-pages.ts';
import type { ReusableBytes } from '../src/protocol/reusable-bytes.ts';
import { NodeZlib } from '../src/engine/zlib/zlib.ts';
import { readFrames } from '../src/testing/index.ts';

const ZLIB = new NodeZlib();

/** The result of feeding bytes to a connection. */
export interface Outcome {
  /**
   * What happened, in order. Facts: `text "Hello"`, `binary 0102`, `ping 4865`, `pong`, `close 1000 "bye"`,
   * `failure ERR_RSV`. Frames that are sent: `> pong 4865`, `> close 1000`, `> close` (without a code).
   */
  readonly lines: readonly string[];
  /** Whether a frame or message has begun and is incomplete. */
  readonly unfinished: boolean;
  /** Buffered payload bytes of the message in progress. */
  readonly heldBytes: number;
}

/** The setup of {@link drive}. */
export interface Stage {
  readonly role: Role;
  readonly limits: ProtocolLimits;
  /** Calls `close(1000)` before the first byte arrives. */
  readonly closeFirst?: boolean;
  /** Negotiated permessage-deflate parameters of the peer's direction. Messages are inflated on the event loop. */
  readonly deflate?: DeflateDirection;
  /** Extensions instead, in the negotiated order. They finish everything at once. */
  readonly extensions?: readonly Extension[];
  /** Takes text messages as bytes. */
  readonly asBytes?: boolean;
  /** Stops the parser after each fact and overwrites the memory of the piece. */
  readonly interrupted?: boolean;
}

export const line = {
  data: (type: 'binary' | 'ping' | 'pong' | '> pong', bytes: Buffer): string =>
    `${type} ${bytes.toString('hex')}`.trimEnd(),
  text: (text: string): string => `text ${JSON.stringify(text)}`,
  close: (code: number, reason: string): string => `close ${code} ${JSON.stringify(reason)}`,
  sentClose: (body: Uint8Array): string =>
    body.length === 0 ? '> close' : `> close ${Buffer.from(body).readUInt16BE(0)}`,
};

/** Bytes before and after each piece. With them pieces start at every alignment. */
const GUARD_BYTES = 8;
const GUARD = 0xa5;
const ON_THE_LOOP = 2 ** 31 - 1;
const SCRIBBLE = 0xee;
const MEMORY = new ProtocolMemory();
/** A text below this size that is taken as bytes shares an ArrayBuffer with other texts. */
const SHARED_BELOW_BYTES = 4_096;

/**
 * Feeds pieces to a connection one after the other, takes every fact, and records the results. Checks for all input:
 * - The parser overwrites only the piece itself.
 * - A delivered message is not in the memory of the piece, nor in memory larger than the message.
 * - Between reads the connection retains no view of a payload.
 * - Every Close that it sends fits a control frame and has the right code and reason.
 * - A delivered text can be sent unchanged after the memory of its piece was overwritten.
 * @param pieces Copied first, so the caller's bytes stay unchanged.
 */
export function drive(stage: Stage, pieces: Iterable<Uint8Array>): Outcome {
  const lines: string[] = [];
  const binaries: { readonly index: number; readonly message: Buffer; readonly isText: boolean }[] = [];
  let closeBody: Buffer | undefined;
  const { role, limits, deflate } = stage;
  const core = new ProtocolConnection(role, {
    limits,
    memory: MEMORY,
    nextKey: role === 'client' ? () => 0x5a17c3e9 : undefined,
    extensions: stage.extensions ?? (deflate === undefined ? [] : [deflateOf(role, deflate)]),
    owner: ON_THE_STACK,
  });
  const written = (): void => {
    for (const { opcode, payload } of readFrames(sentBytes(core))) {
      if (opcode === OPCODE.PONG) lines.push(line.data('> pong', payload));
      else {
        assert.equal(opcode, OPCODE.CLOSE);
        assert.equal(closeBody, undefined, 'one Close at most');
        assert.ok(payload.length !== 1 && isUtf8(payload.subarray(2)), 'a valid Close body');
        closeBody = payload;
        lines.push(line.sentClose(payload));
      }
    }
  };
  if (stage.closeFirst === true) core.close(1000, '');
  written();

  let count = 0;
  for (const piece of pieces) {
    const before = GUARD_BYTES + (count++ % 4);
    const chunk = Buffer.alloc(before + piece.length + GUARD_BYTES, GUARD);
    chunk.set(piece, before);
    core.receive(chunk.subarray(before, before + piece.length));
    for (let fact = core.next(); fact !== FACT.NONE; fact = core.next()) {
      const message = fact === FACT.MESSAGE ? take(core, stage.asBytes === true) : undefined;
      written();
      if (message !== undefined && typeof message !== 'string')
        binaries.push({ index: lines.length, message, isText: core.isText });
      const text = typeof message === 'string' ? message : '';
      checkSent(text, MEMORY.reusableBytes);
      lines.push(describe(core, fact, message));
      if (stage.closeFirst !== true) checkClose(core, closeBody);
      if (stage.interrupted === true) {
        core.keepUnread();
        chunk.fill(SCRIBBLE, before, before + piece.length);
        checkSent(text, MEMORY.reusableBytes);
      }
    }
    assert.equal(core.unreadBytes, 0, 'every byte was parsed');
    assert.equal(core.payload.length, 0, 'no view of a read is retained');
    assert.ok(intact(chunk, 0, before) && intact(chunk, before + piece.length, chunk.length), 'in place');
    chunk.fill(SCRIBBLE);
  }

  for (const { index, message, isText } of binaries) {
    const shown = isText ? line.text(message.toString()) : line.data('binary', message);
    assert.equal(shown, lines[index], 'a delivered message does not change later');
    if (isText && message.length < SHARED_BELOW_BYTES)
      assert.ok(message.buffer.byteLength <= 2 * SHARED_BELOW_BYTES);
    else if (message.byteOffset > 0) assert.ok(message.buffer.byteLength <= PAGE_BYTES, 'a page is bounded');
    else assert.equal(message.buffer.byteLength, message.length, 'a message retains no larger memory');
  }
  const outcome = { lines, unfinished: core.unfinished, heldBytes: core.heldBytes };
  core.transportEnded();
  return outcome;
}

/** Inflates on the event loop, whatever the size. */
export function deflateOf(role: Role, direction: DeflateDirection): PerMessageDeflate {
  const settings = {
    contextTakeover: true,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
    thresholdBytes: 1_024,
    level: 3,
    memLevel: 8,
    asyncThresholdBytes: ON_THE_LOOP,
  };
  return new PerMessageDeflate(role, agreement(direction, direction), settings, ZLIB);
}

/** The owner of a core that finishes everything at once. */
export const ON_THE_STACK: ProtocolOwner = {
  send: () => assert.fail('nothing leaves the event loop'),
  readMore: () => assert.fail('nothing leaves the event loop'),
  failed: (error) => assert.fail(String(error)),
};

/** All bytes that a core has to send now. */
export function sentBytes(core: ProtocolConnection): Buffer {
  const chunks: Uint8Array[] = [];
  for (let some = core.take(); some.length > 0; some = core.take()) chunks.push(...some);
  return Buffer.concat(chunks);
}

const take = (core: ProtocolConnection, asBytes: boolean): string | Buffer | undefined =>
  core.isText && !asBytes ? core.takeText() : core.takeBytes();

function describe(core: ProtocolConnection, fact: number, message: string | Buffer | undefined): string {
  if (fact === FACT.PING || fact === FACT.PONG) {
    return line.data(fact === FACT.PING ? 'ping' : 'pong', core.payload);
  }
  if (fact === FACT.CLOSE) return line.close(core.peerClose!.code, core.peerClose!.reason);
  if (message === undefined) return `failure ${core.failure!.code}`;
  return core.isText ? line.text(message.toString()) : line.data('binary', message as Buffer);
}

/** Checks a Close that was sent: an answer repeats only the code; a failure has its code and names the broken rule. */
function checkClose({ peerClose, failure, sentCode }: ProtocolConnection, body: Buffer | undefined): void {
  if (peerClose !== undefined) {
    assert.equal(sentCode, peerClose.code);
    assert.equal(body?.length, peerClose.code === NO_CODE ? 0 : 2);
  } else if (failure !== undefined) {
    const rule: { readonly says: string; readonly closeCode?: number } = ERRORS[failure.code];
    assert.equal(sentCode, rule.closeCode);
    assert.ok(body?.toString('utf8', 2).startsWith(rule.says.slice(0, 100)));
  } else assert.equal(body, undefined);
}

/** Checks that a text long enough for the reuse of received bytes is sent as it arrived. */
function checkSent(text: string, reusable: ReusableBytes): void {
  if (text.length < 48) return;
  assert.equal(new PreparedMessage(text, undefined, reusable).payload.toString(), text, 'sent as received');
}

function intact(memory: Buffer, start: number, end: number): boolean {
  return memory.subarray(start, end).every((byte) => byte === GUARD);
}
