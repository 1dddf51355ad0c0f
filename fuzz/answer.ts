import assert from 'node:assert/strict';
import { type Answer, AnswerReader, upgradeJudge } from '../src/protocol/handshake/answer-reader.ts';
import { ConnectError } from '../src/protocol/connect-error.ts';
import { type Agreement, NO_EXTENSIONS } from '../src/protocol/handshake/client.ts';
import { mutated } from './head.ts';
import { type Prng, prng } from './prng.ts';

const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const REQUEST = {
  target: '/',
  host: 'a.example',
  key: 'dGhlIHNhbXBsZSBub25jZQ==',
  protocols: ['chat', 'v2'],
  extensions: NO_EXTENSIONS,
  origin: '',
  headers: [],
};
const LIMITS = { maxHeadBytes: 400, maxHeaderFields: 10 };

/**
 * Feeds mutated handshake responses to the client's response parser. Invariants:
 * - Any bytes give a connection, a ConnectError or a need for more bytes, never another exception.
 * - The outcome is the same for every cut, including the bytes after the head, or the body.
 * - An accepted response satisfies §4.1, which is checked again on its text.
 * @throws AssertionError that names seed, iteration and bytes.
 */
export function fuzzAnswer(seed: number, iterations: number): void {
  const random = prng(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const bytes = mutated(random, Buffer.from(answer(random), 'latin1'));
    try {
      const whole = outcome([bytes]);
      const pieces = random.bool(0.1)
        ? [...bytes].map((byte) => Buffer.of(byte))
        : random.cut(bytes, 1 + random.int(4));
      assert.deepEqual(outcome(pieces), whole, 'cutting');
      if ('rest' in whole) checkAccepted(bytes.toString('latin1'), whole.rest, whole.protocol);
    } catch (error) {
      const input = JSON.stringify(bytes.toString('latin1'));
      throw new Error(`seed ${seed}, iteration ${iteration}: ${input}`, { cause: error });
    }
  }
}

type Outcome =
  | { readonly waiting: true }
  | { readonly rest: string; readonly protocol: string }
  | {
      readonly error: string;
      readonly status: number | undefined;
      readonly body: string;
      readonly done: boolean;
    };

function outcome(pieces: readonly Buffer[]): Outcome {
  const reader = new AnswerReader(upgradeJudge(REQUEST), LIMITS, () => 0);
  const told = (error: ConnectError, done: boolean): Outcome => {
    assert.equal(error.phase, 'response');
    assert.ok(error.body.length <= 4_096);
    return { error: error.message, status: error.status, body: error.body.toString('latin1'), done };
  };
  let last: Answer<Agreement> | undefined;
  try {
    for (const [at, piece] of pieces.entries()) {
      last = reader.receive(piece);
      if (last?.is === 'refused') return told(reader.refusal(), true);
      if (last?.is === 'accepted') {
        const rest = Buffer.concat([last.rest, ...pieces.slice(at + 1)]).toString('latin1');
        return { rest, protocol: last.grant.protocol };
      }
    }
  } catch (error) {
    if (error instanceof ConnectError) return told(error, true);
    throw error;
  }
  return last?.is === 'refusing' ? told(reader.refusal(), false) : { waiting: true };
}

/** Checks the last head before the rest. The heads before it are interim responses. */
function checkAccepted(text: string, rest: string, protocol: string): void {
  assert.ok(text.endsWith(rest));
  const heads = text.slice(0, text.length - rest.length);
  assert.ok(heads.endsWith('\r\n\r\n'));
  // Unfolds folded fields (RFC 9112 §5.2).
  const head = heads.slice(heads.lastIndexOf('\r\n\r\n', heads.length - 5) + 1).replace(/\r\n[ \t]+/g, ' ');
  const values = (name: string): string[] =>
    [...head.matchAll(new RegExp(`^${name}:[ \t]*(.*?)[ \t]*\r$`, 'gim'))].map(([, value]) => value!);
  assert.match(head.trimStart(), /^HTTP\/1\.1 101(?: [^\r\n]*)?\r\n/);
  // Empty members and empty fields are ignored (RFC 9110 §5.6.1.2).
  const members = (name: string): string[] =>
    values(name)
      .flatMap((value) => value.split(','))
      .map((member) => member.replaceAll(/^[ \t]+|[ \t]+$/g, ''))
      .filter((member) => member !== '');
  assert.match(members('upgrade').join(), /^websocket$/i);
  assert.match(values('connection').join(), /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i);
  assert.deepEqual(values('sec-websocket-accept'), [ACCEPT]);
  assert.deepEqual(members('sec-websocket-extensions'), []);
  assert.deepEqual(members('sec-websocket-protocol'), protocol === '' ? [] : [protocol]);
  assert.ok(['', 'chat', 'v2'].includes(protocol));
}

const FIELDS = [
  'Upgrade: h2c',
  'Connection: close',
  'Sec-WebSocket-Protocol: chat',
  'Sec-WebSocket-Protocol: v3',
  'Sec-WebSocket-Extensions: permessage-deflate',
  'Sec-WebSocket-Accept: AAAAMBiTxaQ9kYGzzhZRbK+xOo=',
  'Content-Length: 5',
  'Content-Length: 0',
  'Transfer-Encoding: chunked',
  'Location: https://b.example/c?d',
  'Retry-After: 5',
  'Set-Cookie: a=\xe9',
  '__proto__: x',
] as const;

/** A response, often a valid one. Some follow interim responses, miss fields, have invented fields, or have a body. */
function answer(random: Prng): string {
  const isGood = random.bool(0.7);
  const good = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${ACCEPT}`];
  const fields = good.filter(() => isGood || random.bool(0.7));
  for (let more = random.int(isGood ? 2 : 4); more > 0; more--) fields.push(random.pick(FIELDS));
  const status = isGood
    ? '101 x'
    : random.pick(['101', '200 OK', '204 ', '302 Found', '403 x', '503 ü', '099 x']);
  const interim = 'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n'.repeat(random.pick([0, 0, 0, 1, 2, 9]));
  const body = random.pick(['', 'hello', '3\r\nabc\r\n0\r\n\r\n', '\x81\x02hi', 'x'.repeat(5_000)]);
  return `${interim}${[`HTTP/1.1 ${status}`, ...fields].join('\r\n')}\r\n\r\n${body}`;
}
