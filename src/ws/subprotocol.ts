import { HeaderScanner } from './header-scanner.ts';

/**
 * Parses the value of `Sec-WebSocket-Protocol`.
 * @param header A comma-separated list of tokens.
 * @returns The names, in order.
 * @throws SyntaxError For anything but such a list, and for a name that occurs twice.
 */
function parse(header: string): Set<string> {
  const protocols = new Set<string>();
  const scanner = new HeaderScanner(header);
  do {
    scanner.skipSpace();
    const protocol = scanner.token();
    scanner.endMember();
    if (protocols.has(protocol)) throw new SyntaxError(`The "${protocol}" subprotocol is duplicated`);
    protocols.add(protocol);
  } while (scanner.takes(','));
  return protocols;
}

/** What `ws` exports as `subprotocol`. */
export const subprotocol: {
  /** Reads the value of `Sec-WebSocket-Protocol`. */
  readonly parse: typeof parse;
} = { parse };
