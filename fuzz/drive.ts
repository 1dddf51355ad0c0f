import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { NO_CODE } from '../src/protocol/close.ts';
import { FACT, type FrameSink, ProtocolConnection } from '../src/protocol/connection.ts';
import { OPCODE, type Role } from '../src/protocol/constants.ts';
import type { DeflateDirection } from '../src/protocol/deflate/parameters.ts';
import { ERRORS } from '../src/protocol/errors.ts';
import type { ProtocolLimits } from '../src/protocol/limits.ts';
import { PreparedMessage } from '../src/protocol/outgoing/prepared-message.ts';
import { ReusableBytes } from '../src/protocol/reusable-bytes.ts';
import { NodeZlib } from '../src/engine/zlib/zlib.ts';

const ZLIB = new NodeZlib();

/** What a connection made of some bytes. */
export interface Outcome {
  /**
   * What happened, in order. Facts: `text "Hello"`, `binary 0102`, `ping 4865`, `pong`, `close 1000 "bye"`,
   * `failure ERR_RSV`. Frames handed to the sink: `> pong 4865`, `> close 1000`, `> close` (without a code).
   */
  readonly lines: readonly string[];
  /** A frame or message has begun and is not whole. */
  readonly unfinished: boolean;
  /** Payload bytes held of a message in progress. */
  readonly heldBytes: number;
}

/** How {@link drive} sets the stage. */
export interface Stage {
  readonly role: Role;
  readonly limits: ProtocolLimits;
  /** `close(1000)` is called before the first byte arrives. */
  readonly closeFirst?: boolean;
  /** permessage-deflate was agreed on, and this is how the peer compresses. Inflated on the event loop. */
  readonly deflate?: DeflateDirection;
  /** After each fact the reader stops, and the memory of the piece is used for something else. */
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

/** Bytes in front of each piece, so that pieces begin at every alignment, and behind it. */
const GUARD_BYTES = 8;
const GUARD = 0xa5;
const ON_THE_LOOP = 2 ** 31 - 1;
const SCRIBBLE = 0xee;

/**
 * Hands pieces to a connection, one after the other, takes every fact, and writes down what happens. On the way it
 * holds what is true of all bytes: only the piece itself is overwritten; nothing delivered lies in it, or in memory
 * larger than itself; between reads no payload is kept; every Close fits its frame and says why; a text that was delivered is sent
 * as it is, whatever happened to the memory of its piece.
 * @param pieces Copied, and so left as they are.
 */
export function drive(stage: Stage, pieces: Iterable<Uint8Array>): Outcome {
  const lines: string[] = [];
  const binaries: { readonly index: number; readonly message: Buffer }[] = [];
  let closeBody: Buffer | undefined;
  const sendClose = (body: Uint8Array): void => {
    assert.equal(closeBody, undefined, 'one Close at most');
    assert.ok(body.length <= 125 && body.length !== 1 && isUtf8(body.subarray(2)), 'a Close fits its frame');
    closeBody = Buffer.from(body);
    lines.push(line.sentClose(body));
  };
  const { deflate } = stage;
  const openInflater =
    deflate === undefined
      ? undefined
      : () => ZLIB.inflater(deflate, ON_THE_LOOP, () => assert.fail('nothing leaves the event loop'));
  const sink: FrameSink = {
    control(opcode, payload) {
      assert.equal(opcode, OPCODE.PONG);
      lines.push(line.data('> pong', Buffer.from(payload)));
    },
    closeAfterWaiting: sendClose,
    closeNow: sendClose,
  };
  const reusable = new ReusableBytes();
  const core = new ProtocolConnection(stage.role, stage.limits, sink, openInflater, reusable);
  if (stage.closeFirst === true) core.close(1000, '');

  let count = 0;
  for (const piece of pieces) {
    const before = GUARD_BYTES + (count++ % 4);
    const memory = Buffer.alloc(before + piece.length + GUARD_BYTES, GUARD);
    memory.set(piece, before);
    core.receive(memory.subarray(before, before + piece.length));
    for (let fact = core.next(); fact !== FACT.NONE; fact = core.next()) {
      if (fact === FACT.MESSAGE && typeof core.message !== 'string') {
        binaries.push({ index: lines.length, message: core.message });
      }
      const text = fact === FACT.MESSAGE && typeof core.message === 'string' ? core.message : '';
      checkSent(text, reusable);
      lines.push(describe(core, fact));
      if (stage.closeFirst !== true) checkClose(core, closeBody);
      if (stage.interrupted === true) {
        core.keepUnread();
        memory.fill(SCRIBBLE, before, before + piece.length);
        checkSent(text, reusable);
      }
    }
    assert.equal(core.unreadBytes, 0, 'everything is looked at');
    assert.equal(core.payload.length, 0, 'no view on a read is kept');
    assert.ok(intact(memory, 0, before) && intact(memory, before + piece.length, memory.length), 'in place');
    memory.fill(SCRIBBLE);
  }

  for (const { index, message } of binaries) {
    assert.equal(line.data('binary', message), lines[index], 'a message is its owner’s to keep');
    assert.equal(message.buffer.byteLength, message.length, 'a message pins no larger memory');
  }
  const outcome = { lines, unfinished: core.unfinished, heldBytes: core.heldBytes };
  core.transportEnded();
  return outcome;
}

function describe(core: ProtocolConnection, fact: number): string {
  if (fact === FACT.PING || fact === FACT.PONG) {
    return line.data(fact === FACT.PING ? 'ping' : 'pong', core.payload);
  }
  if (fact === FACT.CLOSE) return line.close(core.peerClose!.code, core.peerClose!.reason);
  if (fact === FACT.FAILURE) return `failure ${core.failure!.code}`;
  return typeof core.message === 'string' ? line.text(core.message) : line.data('binary', core.message);
}

/** A Close that answers repeats the code alone; one that fails the connection gives the rule and its code. */
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

/** A text longer than the least that is reused goes out as it came in. */
function checkSent(text: string, reusable: ReusableBytes): void {
  if (text.length < 48) return;
  assert.equal(new PreparedMessage(text, undefined, reusable).payload.toString(), text, 'sent as received');
}

function intact(memory: Buffer, start: number, end: number): boolean {
  return memory.subarray(start, end).every((byte) => byte === GUARD);
}
