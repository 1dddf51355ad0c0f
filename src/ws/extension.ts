import { HeaderScanner } from './header-scanner.ts';

/** Parameters of one offer by name: each value as text, or `true` for a parameter without a value. */
export type ExtensionParameters = Record<string, (string | true)[]>;
/** Offers of each extension by its name, in order. */
export type Extensions = Record<string, ExtensionParameters[]>;

/** A value of a parameter; lists may be left out around single members. */
type FormattableValue = string | number | boolean;
type FormattableParameters = Record<string, FormattableValue | readonly FormattableValue[]>;
/** What `extension.format` accepts: offers of each extension by its name. */
export type FormattableExtensions = Record<string, FormattableParameters | readonly FormattableParameters[]>;

/** Names come from the peer, so the objects have no prototype. */
const emptyRecord = <T>(): Record<string, T[]> => Object.create(null) as Record<string, T[]>;

function push<T>(record: Record<string, T[]>, name: string, value: T): void {
  (record[name] ??= []).push(value);
}

/** Reads a value: a token, or a token in quotes, in which any character may be escaped. */
function readValue(scanner: HeaderScanner): string {
  if (!scanner.takes('"')) return scanner.token();
  let value = '';
  do {
    if (scanner.takes('\\')) value += scanner.tokenCharacter();
    else value += scanner.token();
  } while (!scanner.takes('"'));
  return value;
}

/**
 * Parses the value of `Sec-WebSocket-Extensions`.
 * @throws SyntaxError For anything but a list of extensions (RFC 6455 §9.1).
 */
function parse(header: string): Extensions {
  const extensions = emptyRecord<ExtensionParameters>();
  const scanner = new HeaderScanner(header);
  do {
    scanner.skipSpace();
    const name = scanner.token();
    const parameters = emptyRecord<string | true>();
    scanner.skipSpaceInside();
    while (scanner.takes(';')) {
      scanner.skipSpace();
      const parameter = scanner.token();
      push(parameters, parameter, scanner.takes('=') ? readValue(scanner) : true);
      scanner.skipSpaceInside();
    }
    scanner.endMember();
    push(extensions, name, parameters);
  } while (scanner.takes(','));
  return extensions;
}

function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** Builds the value of `Sec-WebSocket-Extensions`. Nothing is checked or quoted. */
function format(extensions: FormattableExtensions): string {
  const members: string[] = [];
  for (const [name, offers] of Object.entries(extensions)) {
    for (const offer of listOf(offers)) {
      const parts = [name];
      for (const [parameter, values] of Object.entries(offer))
        for (const value of listOf(values))
          parts.push(value === true ? parameter : `${parameter}=${String(value)}`);
      members.push(parts.join('; '));
    }
  }
  return members.join(', ');
}

/** What `ws` exports as `extension`. */
export const extension: {
  /** Writes the value of `Sec-WebSocket-Extensions`. */
  readonly format: typeof format;
  /** Reads the value of `Sec-WebSocket-Extensions`. */
  readonly parse: typeof parse;
} = { format, parse };
