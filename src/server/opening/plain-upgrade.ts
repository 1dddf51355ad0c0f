import { Buffer } from 'node:buffer';
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import { listMembers } from '../../protocol/handshake/fields.ts';

/** Node's default limit for names and values of a head together; `maxHeadersCount` changes it. */
const NODE_RAW_HEADERS = 2_000;

/** Node 24 and later: a callback decides whether a request that offers an upgrade causes an `upgrade` event. */
export type ChoosyServer = HttpServer & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean };

/**
 * Hands a request back to the HTTP server that emitted `upgrade` for it, without its `Upgrade` field. A server may ignore
 * that field (RFC 9110 §7.8), and a client that offers HTTP/2 then expects an ordinary answer. Node emits `request` only for
 * bytes that its parser reads, so the parser reads the head again, without `Upgrade`, and the bytes that followed it.
 * @returns `false`, without a change, if Node dropped fields of the head: the length of a body may be among them.
 */
export function serveWithoutUpgrade(
  server: HttpServer,
  request: IncomingMessage,
  socket: Duplex,
  behind: Buffer,
): boolean {
  const { maxHeadersCount } = server;
  const limit = typeof maxHeadersCount === 'number' ? 2 * maxHeadersCount : NODE_RAW_HEADERS;
  if (limit > 0 && request.rawHeaders.length >= limit) return false;
  socket.unshift(Buffer.concat([Buffer.from(headWithoutUpgrade(request), 'latin1'), behind]));
  withoutDoubles(socket, ['pause', 'resume'], () => {
    // Node documents emitting `connection` to inject a stream. After the TLS handshake, `secureConnection` is its counterpart.
    server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', socket);
  });
  return true;
}

function headWithoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    let value = rawHeaders[at + 1]!;
    const lowerCase = name.toLowerCase();
    if (lowerCase === 'upgrade') continue;
    if (lowerCase === 'connection') {
      const members = listMembers(value).filter((member) => member.toLowerCase() !== 'upgrade');
      if (members.length === 0) continue;
      value = members.join(', ');
    }
    head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n`;
}

/** Node leaves some listeners on the socket of an upgrade, and adds the same ones again: removes the duplicates. */
function withoutDoubles(socket: Duplex, names: readonly string[], step: () => void): void {
  const before = names.map((name) => new Set(socket.listeners(name)));
  step();
  names.forEach((name, i) => {
    const added = socket.listeners(name).slice(before[i]!.size);
    for (const listener of added)
      if (before[i]!.has(listener)) socket.off(name, listener as (...args: unknown[]) => void);
  });
}
