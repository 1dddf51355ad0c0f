/** A character of a token of HTTP. */
const TOKEN_CHARACTER = /^[!#$%&'*+\-.0-9A-Z^_`|a-z~]$/;

/** Reads a header field from left to right. It fails with the messages of `ws`. */
export class HeaderScanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** @throws SyntaxError If there is no token here. */
  token(): string {
    let token = this.tokenCharacter();
    while (this.#isTokenCharacter) token += this.tokenCharacter();
    return token;
  }

  /** @throws SyntaxError If the next character is none of a token. */
  tokenCharacter(): string {
    if (!this.#isTokenCharacter) this.#fail();
    return this.#text[this.#at++]!;
  }

  /** Steps over a character. @returns Whether it is the next one. */
  takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** Steps over white space before a member of a list. The field itself must not begin with any. */
  skipSpace(): void {
    if (this.#at === 0) return;
    while (this.takes(' ') || this.takes('\t'));
  }

  /** Steps over white space after a token. @throws SyntaxError If the field ends with it. */
  skipSpaceInside(): void {
    const before = this.#at;
    this.skipSpace();
    if (this.#isAtEnd && this.#at > before) this.#fail();
  }

  /** @throws SyntaxError Unless a comma or the end of the field is next, after white space. */
  endMember(): void {
    this.skipSpaceInside();
    if (!this.#isAtEnd && this.#text[this.#at] !== ',') this.#fail();
  }

  get #isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  get #isTokenCharacter(): boolean {
    return TOKEN_CHARACTER.test(this.#text.charAt(this.#at));
  }

  /** @throws SyntaxError Always: for the next character, or the end. */
  #fail(): never {
    if (this.#isAtEnd) throw new SyntaxError('Unexpected end of input');
    throw new SyntaxError(`Unexpected character at index ${this.#at}`);
  }
}
