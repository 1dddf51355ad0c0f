import assert from 'node:assert/strict';
import { HandshakeError } from '../src/protocol/errors.ts';
import { parseExtensions } from '../src/protocol/handshake/extension-list.ts';
import { isToken, listContains, parseTokenList } from '../src/protocol/handshake/fields.ts';
import { forwardedElements } from '../src/server/admission/forwarded-field.ts';
import { TOKEN } from './head-model.ts';
import { type Prng, prng } from './prng.ts';

const WHOLE_TOKEN = new RegExp(`^${TOKEN}$`);
const BLANKS = '[ \\t]*';
const QUOTED = `"(?:\\\\?${TOKEN.replace(/\+$/, '')})+"`;
const PARAM = `${BLANKS};${BLANKS}${TOKEN}(?:${BLANKS}=${BLANKS}(?:${TOKEN}|${QUOTED}))?`;
const EXTENSION = `${BLANKS}${TOKEN}(?:${PARAM})*${BLANKS}`;
const WHOLE_EXTENSION = new RegExp(`^${EXTENSION}$`);

const trim = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '');

/** Members that are not empty (RFC 9110 §5.6.1.2). A token contains no comma, quoted or not. */
const members = (value: string): string[] => value.split(',').filter((member) => trim(member) !== '');

/** The grammar of §9.1: one regular expression for each member, which is then split at separators. */
function extensionModel(value: string): unknown {
  const extensions = members(value);
  if (!extensions.every((extension) => WHOLE_EXTENSION.test(extension))) return 'ERR_EXTENSIONS_FIELD';
  return extensions.map((extension) => {
    const [name, ...params] = extension.split(';').map(trim);
    return {
      name,
      params: params.map((param) => {
        const [key, given] = param.split('=').map(trim);
        return [key, given === undefined ? true : given.replaceAll(/["\\]/g, '')];
      }),
    };
  });
}

function extensions(value: string): unknown {
  try {
    return parseExtensions(value);
  } catch (error) {
    if (error instanceof HandshakeError) return error.code;
    throw error;
  }
}

/** The grammar `#token`: every member is a token. */
function tokenModel(value: string): string[] | undefined {
  const tokens = members(value).map(trim);
  return tokens.every((token) => WHOLE_TOKEN.test(token)) ? tokens : undefined;
}

/** The grammar of RFC 7239 §4, one character at a time. @returns Elements as maps of pairs; `undefined` for an invalid value. */
function forwardedModel(value: string): unknown {
  const elements: Map<string, string>[] = [];
  let element: Map<string, string> | undefined;
  let at = 0;
  const blanks = (): void => {
    while (value[at] === ' ' || value[at] === '\t') at++;
  };
  const token = (): string => {
    const start = at;
    while (at < value.length && WHOLE_TOKEN.test(value[at]!)) at++;
    return value.slice(start, at);
  };
  const quoted = (): string | undefined => {
    let content = '';
    for (at++; at < value.length && value[at] !== '"'; at++) {
      if (value[at] === '\\') at++;
      content += value[at] ?? '';
    }
    return value[at++] === '"' ? content : undefined;
  };
  for (let isFirst = true; ; isFirst = false) {
    // Empty members and pairs are ignored (RFC 9110 §5.6.1.2), but two pairs need a separator.
    let separated = isFirst;
    for (blanks(); value[at] === ',' || value[at] === ';'; blanks()) {
      if (value[at++] === ',') element = undefined;
      separated = true;
    }
    if (at >= value.length) return elements;
    const name = token().toLowerCase();
    if (!separated || name === '' || value[at++] !== '=' || element?.has(name) === true) return undefined;
    const isQuoted = value[at] === '"';
    const content = isQuoted ? quoted() : token();
    if (content === undefined || (content === '' && !isQuoted)) return undefined;
    if (element === undefined) elements.push((element = new Map()));
    element.set(name, content);
  }
}

const PIECES = [
  'permessage-deflate',
  'client_max_window_bits',
  'a',
  'b',
  'for',
  'proto',
  'host',
  'For',
  'upgrade',
  'UPGRADE',
  'websocket',
  '15',
  '"10"',
  '"a\\b"',
  '"a b"',
  '""',
  '"',
  '\\',
  '\\"',
  '1.2.3.4',
  '"[::1]:80"',
  '_x',
  ',',
  ',',
  ';',
  ';',
  '=',
  '=',
  ' ',
  '\t',
  '  ',
  ':',
  '/',
  '\xa0',
  'é',
  '\0',
  '__proto__',
  'constructor',
] as const; // prettier-ignore

/** A list: sometimes valid, more often nearly valid. */
function list(random: Prng): string {
  let text = '';
  if (random.bool()) {
    for (let left = random.int(12); left > 0; left--) text += random.pick(PIECES);
    return text;
  }
  const member = (): string => {
    const pair = (): string => {
      const name = random.pick(['a', 'for', 'b', 'max', 'proto']);
      return random.bool(0.3)
        ? name
        : `${name}=${random.pick(['1', 'x', '"y"', '"a\\"b"', '"\\z"', '"q q"'])}`;
    };
    return Array.from({ length: 1 + random.int(3) }, pair).join(random.pick([';', '; ', ' ;\t']));
  };
  text = Array.from({ length: 1 + random.int(3) }, member).join(random.pick([',', ', ', ' , ']));
  if (random.bool(0.7)) return text;
  const at = random.int(text.length + 1);
  return text.slice(0, at) + random.pick(PIECES) + text.slice(at + random.int(2));
}

/**
 * Parses list fields: extensions (§9.1), tokens, membership, `Forwarded`. Invariants:
 * - Each result equals that of an independent model.
 * - Only the typed refusal is thrown.
 * - An accepted list that is formatted again parses to the same result.
 * @throws Error that names seed, iteration and text.
 */
export function fuzzLists(seed: number, iterations: number): void {
  const random = prng(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const value = list(random);
    try {
      const read = extensions(value);
      assert.deepEqual(read, extensionModel(value), 'extensions');
      if (typeof read === 'object') assert.deepEqual(extensions(written(read)), read, 'written again');
      const tokens = parseTokenList(value);
      assert.deepEqual(tokens, tokenModel(value), 'tokens');
      assert.equal(isToken(value), WHOLE_TOKEN.test(value), 'token');
      const member = new RegExp(`(?:^|,)${BLANKS}upgrade${BLANKS}(?:,|$)`, 'i').test(value);
      assert.equal(listContains(value, 'upgrade'), member, 'membership');
      // The head parser refuses control characters, so `Forwarded` never contains one.
      if (!value.includes('\0'))
        assert.deepEqual(forwardedElements(value), forwardedModel(value), 'Forwarded');
    } catch (error) {
      throw new Error(`seed ${seed}, iteration ${iteration}: ${JSON.stringify(value)}`, { cause: error });
    }
  }
}

const written = (offers: object | null): string =>
  (offers as ReturnType<typeof parseExtensions>)
    .map(({ name, params }) =>
      [name, ...params.map(([key, given]) => (given === true ? key : `${key}="${given}"`))].join('; '),
    )
    .join(', ');
