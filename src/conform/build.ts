import { Buffer } from 'node:buffer';
import { OPCODE } from '../protocol/index.ts';
import { hex } from '../testing/index.ts';
import type { Answer, FrameCase, Run } from './case.ts';
import type { FrameSpec, Verdict } from './model.ts';

type Payload = string | Uint8Array;
type Extras = Omit<FrameSpec, 'opcode' | 'payload'>;

const maker =
  (opcode: number) =>
  (payload: Payload = '', extras: Extras = {}): FrameSpec => ({ ...extras, opcode, payload });

export const text = maker(OPCODE.TEXT);
export const binary = maker(OPCODE.BINARY);
export const more = maker(OPCODE.CONTINUATION);
export const ping = maker(OPCODE.PING);
export const pong = maker(OPCODE.PONG);
/** A Close with any body, valid or not. */
export const closeBody = maker(OPCODE.CLOSE);
export function closing(code?: number, reason: Payload = ''): FrameSpec {
  if (code === undefined) return closeBody();
  return closeBody(Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from(reason as string)]));
}
/** Marks a frame as not the last of its message. */
export const OPEN = Object.freeze({ fin: false });

const answer =
  (type: Answer['type']) =>
  (payload: Payload = ''): Answer => ({ type, payload: Buffer.from(payload as string) });
export const gotText = answer('text');
export const gotBinary = answer('binary');
export const gotPong = answer('pong');

type Extra = Partial<Omit<Run, 'send' | 'answers' | 'end'>>;
const run = (send: Run['send'], answers: readonly Answer[], end: Run['end'], extra: Extra): Run => ({
  label: '',
  cutBytes: Infinity,
  heldBytes: 0,
  limitCodes: [],
  ...extra,
  send,
  answers,
  end,
});

/** Valid frames: the answers arrive, and the connection stays open until the suite closes it. */
export const fine = (send: Run['send'], answers: readonly Answer[], extra: Extra = {}): Run =>
  run(send, answers, { by: 'us' }, extra);
/** {@link fine}, sent whole and byte by byte. */
export const fineCut = (send: readonly FrameSpec[], answers: readonly Answer[]): Run[] => [
  fine(send, answers, { label: 'whole' }),
  fine(send, answers, { label: 'byte by byte', cutBytes: 1 }),
];
/** The frames include a Close. The peer answers it with one of `codes`. */
export const closes = (
  send: readonly FrameSpec[],
  codes: readonly (number | undefined)[],
  answers: readonly Answer[] = [],
  extra: Extra = {},
): Run => run(send, answers, { by: 'close', codes }, extra);
/** The peer must fail the connection, with one of `codes`. @param accepted Verdict if it does not fail. */
export const fails = (
  send: Run['send'],
  codes: readonly number[],
  answers: readonly Answer[] = [],
  { accepted = 'fail', ...extra }: Extra & { readonly accepted?: Verdict } = {},
): Run => run(send, answers, { by: 'failure', codes, accepted }, extra);
/** {@link fails}, sent whole and byte by byte. */
export const failsCut = (
  send: readonly FrameSpec[],
  codes: readonly number[],
  answers: readonly Answer[] = [],
  extra: Extra & { readonly accepted?: Verdict } = {},
): Run[] => [
  fails(send, codes, answers, { ...extra, label: 'whole' }),
  fails(send, codes, answers, { ...extra, label: 'byte by byte', cutBytes: 1 }),
];

/** A case. Nested lists of runs are flattened. */
export const frames = (
  id: string,
  section: string,
  title: string,
  runs: readonly (Run | readonly Run[])[],
  extra: Pick<FrameCase, 'only'> = {},
): FrameCase => ({ kind: 'frames', id, section, title, runs: runs.flat().map(named), ...extra });
/** Appends a number to a label that occurs again. */
function named(run: Run, at: number, all: readonly Run[]): Run {
  const before = all.slice(0, at).filter(({ label }) => label === run.label).length;
  return before === 0 ? run : { ...run, label: `${run.label} ${before + 1}`.trim() };
}

export { hex };
/** `length` bytes that differ from their neighbours. The same in each run. */
export const patterned = (length: number): Buffer => {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 167 + (i >> 8)) & 0xff;
  return bytes;
};
/** `length` bytes of ASCII. */
export const ascii = (length: number): Buffer => {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = 0x20 + ((i + (i >> 8)) % 0x5f);
  return bytes;
};
