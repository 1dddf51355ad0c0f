import { type FlagValues, listOf, textOf } from './flags.ts';

/** A shorter text is found in ordinary lines, too. */
const MIN_SECRET = 6;
/** Words of header fields are shorter than tokens. */
const MIN_WORD = 8;

const looksRandom = (text: string): boolean => text.length >= 16 && /\d/.test(text) && /[a-z]/i.test(text);

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Values of a header field that may be secret: all of it, its long words, and what follows a `=`. */
function ofField(field: string): string[] {
  const value = field.slice(field.indexOf(':') + 1).trim();
  const words = value.split(/[\s;,]+/);
  return [
    value,
    ...words.filter((word) => word.length >= MIN_WORD),
    ...words.filter((word) => word.includes('=')).map((word) => word.slice(word.indexOf('=') + 1)),
  ];
}

function ofUrl(text: string): string[] {
  if (!URL.canParse(text)) return [];
  const { password, searchParams, pathname, search } = new URL(text);
  const raw = search
    .slice(1)
    .split('&')
    .map((pair) => pair.slice(pair.indexOf('=') + 1));
  return [
    password,
    decoded(password),
    ...searchParams.values(),
    ...raw,
    ...pathname.split('/').map(decoded).filter(looksRandom),
  ];
}

/** Texts of a command line that may be secret: values of header fields, passwords, queries, and tokens in paths and subprotocols. */
export function secretsOf(url: string, flags: FlagValues): readonly string[] {
  const auth = textOf(flags, 'auth');
  const found = [
    ...ofUrl(url),
    ...ofUrl(textOf(flags, 'proxy') ?? ''),
    ...listOf(flags, 'header').flatMap(ofField),
    ...listOf(flags, 'protocol').filter(looksRandom),
    ...(auth === undefined
      ? []
      : [auth.slice(auth.indexOf(':') + 1), Buffer.from(auth, 'utf8').toString('base64')]),
  ];
  return [...new Set(found)].filter((text) => text.length >= MIN_SECRET);
}
