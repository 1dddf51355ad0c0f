import { HandshakeError } from '../errors.ts';
import { isBlank, TOKEN_CHARS } from './fields.ts';

/** One member of a `Sec-WebSocket-Extensions` list (§9.1). */
export interface ExtensionOffer {
  readonly name: string;
  /** In order, repeated ones included. The value is `true` if none was given; quotes and backslashes are removed. */
  readonly params: readonly (readonly [name: string, value: string | true])[];
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/**
 * Parses the value of `Sec-WebSocket-Extensions` in one pass (§9.1). Accepts blanks wherever RFC 2616, whose notation
 * §9.1 uses, implies them. Ignores empty members, even if all are empty (RFC 9110 §5.6.1.2).
 * @param value For a repeated field: all values, joined with a comma.
 * @returns The offers, in order.
 * @throws HandshakeError `ERR_EXTENSIONS_FIELD` for a value that does not match the grammar.
 */
export function parseExtensions(value: string): ExtensionOffer[] {
  return new ExtensionReader(value).list();
}

class ExtensionReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  list(): ExtensionOffer[] {
    const offers: ExtensionOffer[] = [];
    do {
      this.#skipBlanks();
      if (this.#at < this.#text.length && this.#text.charCodeAt(this.#at) !== COMMA)
        offers.push(this.#extension());
    } while (this.#takes(COMMA));
    if (this.#at < this.#text.length) this.#fail('a separator is missing');
    return offers;
  }

  #extension(): ExtensionOffer {
    const name = this.#token();
    const params: (readonly [string, string | true])[] = [];
    while (this.#takes(SEMICOLON)) params.push([this.#token(), this.#takes(EQUALS) ? this.#value() : true]);
    return { name, params };
  }

  #value(): string {
    this.#skipBlanks();
    return this.#text.charCodeAt(this.#at) === QUOTE ? this.#quotedToken() : this.#token();
  }

  #token(): string {
    this.#skipBlanks();
    const start = this.#at;
    while (this.#atTokenChar()) this.#at++;
    if (this.#at === start) this.#fail('a token is missing');
    return this.#text.slice(start, this.#at);
  }

  /** "The value after quoted-string unescaping MUST conform to the 'token' ABNF" (§9.1). */
  #quotedToken(): string {
    this.#at++;
    let token = '';
    let start = this.#at;
    for (;;) {
      while (this.#atTokenChar()) this.#at++;
      token += this.#text.slice(start, this.#at);
      if (this.#text.charCodeAt(this.#at) !== BACKSLASH) break;
      start = ++this.#at;
      if (!this.#atTokenChar()) this.#fail('a quoted value is no token');
    }
    if (token === '' || this.#text.charCodeAt(this.#at) !== QUOTE) this.#fail('a quoted value is no token');
    this.#at++;
    return token;
  }

  /** Consumes blanks and `separator` if `separator` comes next. */
  #takes(separator: number): boolean {
    this.#skipBlanks();
    if (this.#text.charCodeAt(this.#at) !== separator) return false;
    this.#at++;
    return true;
  }

  #skipBlanks(): void {
    while (isBlank(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  #atTokenChar(): boolean {
    return TOKEN_CHARS[this.#text.charCodeAt(this.#at)] === 1;
  }

  #fail(detail: string): never {
    throw new HandshakeError('ERR_EXTENSIONS_FIELD', detail);
  }
}
