import { Buffer } from 'node:buffer';
import type { Answer, Run } from './case.ts';
import { OPCODE } from '../protocol/index.ts';
import { type FrameSpec, type Verdict, worst } from './model.ts';
import { ping } from './build.ts';
import type { Negotiated } from './deflate-codec.ts';
import { abridged, shownAnswer, shownPayload } from './shown.ts';
import type { PeerEvent, TranscriptEntry, Wire } from './wire.ts';

/** The result of one connection. */
export interface RunResult {
  /** Distinguishes the runs of a case; may be empty. */
  readonly label: string;
  readonly verdict: Verdict;
  /** The demanded behaviour of the peer, in words. */
  readonly expected: string;
  /** The behaviour of the peer, in words. */
  readonly seen: string;
  /** Why it is not a pass; empty for a pass. */
  readonly because: string;
  /** Frames in both directions, the first and the last ones. */
  readonly transcript: readonly TranscriptEntry[];
}

export interface RunContext {
  /** Whether the peer sends messages back. */
  readonly echoes: boolean;
  readonly tested: 'server' | 'client';
  /** Time limit of each step, in ms. */
  readonly timeoutMs: number;
}

/** Payload of the ping after frames that must fail the connection. A pong shows at once that it stayed open. */
const STILL_THERE = Buffer.from('still there?');

/** The expected answers and end of a run, in words. */
export function expectation({ answers, end, heldBytes, limitCodes }: Run): string {
  const parts = abridged(answers.map(shownAnswer));
  const codes = (list: readonly (number | undefined)[]): string =>
    list.map((code) => code ?? 'without a code').join(' or ');
  if (end.by === 'us') parts.push('an answer to our Close 1000');
  else if (end.by === 'close') parts.push(`Close ${codes(end.codes)}, end of TCP`);
  else
    parts.push(
      `fails the connection: Close ${codes(end.codes)}${heldBytes > 0 ? ', before the rest is sent' : ''}`,
    );
  const limit = limitCodes.length === 0 ? '' : `; or a limit: Close ${codes(limitCodes)}`;
  return parts.join('; ') + limit;
}

/** Whether a run needs a peer that echoes messages. */
export function needsEcho({ answers, end }: Run): boolean {
  return end.by === 'us' && answers.some(({ type }) => type !== 'pong');
}

/** Runs one connection to its end and judges it. */
export function judgeRun(
  run: Run,
  wire: Wire,
  context: RunContext,
  negotiated?: Negotiated,
): Promise<RunResult> {
  return new RunJudge(run, wire, context).judge(negotiated);
}

class RunJudge {
  readonly #run: Run;
  readonly #wire: Wire;
  readonly #context: RunContext;
  readonly #messages: Answer[];
  readonly #pongs: Answer[];
  readonly #inOrder: Answer[];
  #answeredEarly = false;
  #sentCloses: readonly (number | undefined)[] = [];
  readonly #seen: string[] = [];
  readonly #remarks: { readonly verdict: Verdict; readonly because: string }[] = [];

  constructor(run: Run, wire: Wire, context: RunContext) {
    this.#run = run;
    this.#wire = wire;
    this.#context = context;
    this.#inOrder = run.answers.filter(({ type }) => context.echoes || type === 'pong');
    this.#messages = this.#inOrder.filter(({ type }) => type !== 'pong');
    this.#pongs = this.#inOrder.filter(({ type }) => type === 'pong');
  }

  async judge(negotiated: Negotiated | undefined): Promise<RunResult> {
    const { send, cutBytes, heldBytes, end } = this.#run;
    const specs = typeof send === 'function' ? send(negotiated!) : send;
    this.#sentCloses = specs.filter(({ opcode }) => opcode === OPCODE.CLOSE).map(codeOf);
    const bytes = this.#wire.encode(specs);
    const now = bytes.subarray(0, bytes.length - heldBytes);
    const written = this.#wire.write(now, cutBytes);
    if (heldBytes > 0) {
      await written;
      await this.#early(bytes.subarray(now.length));
    } else {
      if (end.by === 'failure') {
        await written;
        this.#wire.send(ping(STILL_THERE));
      }
      await this.#ending(written);
    }
    const expected = expectation(this.#run);
    const verdict = worst(this.#remarks.map(({ verdict }) => verdict));
    return {
      label: this.#run.label,
      verdict,
      expected,
      seen: abridged(this.#seen).join('; ') || 'nothing',
      because: this.#remarks
        .filter((remark) => remark.verdict !== 'pass')
        .map(({ because }) => because)
        .join('; '),
      transcript: this.#wire.transcript,
    };
  }

  /** Waits for a failure before it sends the rest. Without one, sends the rest and waits again. */
  async #early(rest: Buffer): Promise<void> {
    const patienceMs = this.#context.timeoutMs / 5;
    const event = await this.#next(patienceMs);
    if (event.type !== 'silence') return this.#failure(event);
    await this.#wire.write(rest, Infinity);
    this.#wire.send(ping(STILL_THERE));
    this.#remark(
      'non-strict',
      'failed only after all bytes had been sent, although the first ones prove the fault',
    );
    await this.#ending();
  }

  /** @param written Resolves when all frames are written. Our Close follows them. */
  async #ending(written?: Promise<void>): Promise<void> {
    const { end } = this.#run;
    for (;;) {
      if (end.by === 'us' && this.#messages.length === 0 && this.#pongs.length === 0) {
        await written;
        return this.#weClose();
      }
      const event = await this.#next(this.#context.timeoutMs);
      if (this.#matches(event)) continue;
      // A peer that inflates asynchronously may answer the ping first. Allow that once.
      const isAsync = this.#run.offer !== undefined && !this.#answeredEarly;
      if (isAsync && event.type === 'pong' && event.payload.equals(STILL_THERE)) {
        this.#answeredEarly = true;
        continue;
      }
      if (end.by === 'failure') return this.#failure(event);
      if (end.by === 'close' && event.type === 'close') return this.#closed(event.code, end.codes);
      return this.#unexpected(event);
    }
  }

  async #next(deadlineMs: number): Promise<PeerEvent> {
    for (;;) {
      const event = await this.#wire.next(deadlineMs);
      this.#seen.push(shownEvent(event));
      if (event.type === 'ping') this.#wire.send({ opcode: 10, payload: event.payload });
      else if (this.#context.echoes || (event.type !== 'text' && event.type !== 'binary')) return event;
    }
  }

  /** Whether an event is an expected answer. Removes the answer from the expected ones. */
  #matches(event: PeerEvent): boolean {
    if (event.type === 'pong') {
      // A pong may answer only the newest of several pings (§5.5.3).
      const at = this.#pongs.findIndex(({ payload }) => payload.equals(event.payload));
      if (at < 0) return false;
      for (const answer of this.#pongs.splice(0, at + 1)) this.#done(answer);
      return true;
    }
    if (event.type !== 'text' && event.type !== 'binary') return false;
    const [next] = this.#messages;
    if (next === undefined || next.type !== event.type || !next.payload.equals(event.payload)) return false;
    this.#messages.shift();
    const passed = this.#inOrder.slice(0, this.#inOrder.indexOf(next)).some(({ type }) => type === 'pong');
    if (passed) this.#remark('non-strict', 'a ping was answered after data that came later');
    this.#done(next);
    return true;
  }

  #done(answer: Answer): void {
    this.#inOrder.splice(this.#inOrder.indexOf(answer), 1);
  }

  async #weClose(): Promise<void> {
    this.#wire.send({ opcode: 8, payload: Buffer.of(0x03, 0xe8) });
    const event = await this.#nextAfterClose();
    if (event.type === 'close') await this.#closed(event.code, [1000]);
    else this.#remark('fail', `the peer did not answer our Close: ${shownEvent(event)}`);
  }

  /** Ignores pings and pongs: the peer may have sent them before our Close arrived. */
  async #nextAfterClose(): Promise<PeerEvent> {
    for (;;) {
      const event = await this.#next(this.#context.timeoutMs);
      if (event.type !== 'pong' && event.type !== 'ping') return event;
    }
  }

  /** Judges the event with which the peer had to fail the connection. */
  async #failure(event: PeerEvent): Promise<void> {
    const { end } = this.#run;
    if (end.by !== 'failure') return this.#unexpected(event);
    if (event.type === 'close') {
      const { code } = event;
      if (this.#sentCloses.includes(code) && (code === undefined || !end.codes.includes(code))) {
        this.#remark(end.accepted, 'the peer answered our Close as if all frames were valid');
      } else if (code === undefined || !end.codes.includes(code)) {
        this.#remark(
          'non-strict',
          `the connection failed, but with code ${code ?? 'none'} instead of ${end.codes.join(' or ')}`,
        );
      }
      this.#missing('non-strict');
      await this.#over(code);
    } else if (event.type === 'end') {
      this.#remark('non-strict', `the connection failed without a Close: ${event.how}`);
      this.#missing('non-strict');
    } else if (event.type === 'breach') this.#remark('fail', event.says);
    else if (event.type === 'silence')
      this.#remark(end.accepted, `the connection did not fail within ${event.ms} ms`);
    else this.#remark(end.accepted, `the connection stayed open: ${shownEvent(event)}`);
  }

  /** Judges the Close with which the peer answered ours. */
  async #closed(code: number | undefined, codes: readonly (number | undefined)[]): Promise<void> {
    this.#missing('fail');
    if (!codes.includes(code)) {
      this.#remark(
        'non-strict',
        `the answer has code ${code ?? 'none'} instead of ${codes.map((one) => one ?? 'none').join(' or ')}`,
      );
    }
    await this.#over(code);
  }

  /** After its Close the peer must send no further frame and end TCP (§5.5.1, §7.1.1). */
  async #over(code: number | undefined): Promise<void> {
    const failing = this.#run.end.by === 'failure';
    if (failing)
      this.#wire.send({ opcode: 8, payload: code === undefined ? '' : Buffer.of(code >> 8, code & 0xff) });
    if (this.#context.tested === 'client') this.#wire.raw.end();
    const event = await this.#wire.next(this.#context.timeoutMs);
    if (event.type === 'end') this.#seen.push('end of TCP');
    else if (event.type === 'silence') {
      this.#remark(
        failing ? 'non-strict' : 'fail',
        `the peer did not end TCP within ${event.ms} ms after its Close`,
      );
    } else this.#remark('fail', `the peer sent after its Close: ${shownEvent(event)}`);
  }

  #unexpected(event: PeerEvent): void {
    const { limitCodes } = this.#run;
    if (event.type === 'close' && event.code !== undefined && limitCodes.includes(event.code)) {
      this.#remark('informational', `the message exceeds a limit of the peer: Close ${event.code}`);
      return;
    }
    if (event.type === 'end' && limitCodes.length > 0) {
      // A flooded peer may end TCP at once; a peer that refuses a large message should send a Close (§7.4.1).
      const verdict = limitCodes.includes(1008) ? 'informational' : 'non-strict';
      this.#remark(verdict, `the connection ended without a Close, perhaps over a limit: ${event.how}`);
      return;
    }
    const still = this.#inOrder[0];
    const wanted = still === undefined ? 'Close' : shownAnswer(still);
    if (event.type === 'breach') this.#remark('fail', event.says);
    else if (event.type === 'silence') this.#remark('fail', `waited ${event.ms} ms for ${wanted}`);
    else this.#remark('fail', `${shownEvent(event)} arrived instead of ${wanted}`);
  }

  /**
   * Judges missing answers to valid frames before the fault or the Close. An application may answer too late; a pong
   * must not.
   */
  #missing(verdict: Verdict): void {
    const still = this.#inOrder.find(({ type }) => type === 'pong') ?? this.#inOrder[0];
    if (still === undefined) return;
    this.#remark(
      still.type === 'pong' ? verdict : 'informational',
      `${shownAnswer(still)} did not arrive before the end`,
    );
  }

  #remark(verdict: Verdict, because: string): void {
    this.#remarks.push({ verdict, because });
  }
}

/** The code of a Close; `undefined` if the body is too short. */
function codeOf({ payload = '' }: FrameSpec): number | undefined {
  const bytes = Buffer.from(payload as string);
  return bytes.length < 2 ? undefined : bytes.readUInt16BE(0);
}

export function shownEvent(event: PeerEvent): string {
  if (event.type === 'close') return `Close ${event.code ?? 'without a code'}`;
  if (event.type === 'breach') return event.says;
  if (event.type === 'end') return event.how;
  if (event.type === 'silence') return `nothing for ${event.ms} ms`;
  return `${event.type} ${shownPayload(event.payload)}`;
}
