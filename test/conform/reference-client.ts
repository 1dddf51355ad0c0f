import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { parseExtensions } from '../../src/protocol/handshake/extension-list.ts';
import { readResponseHead, type ResponseHead } from '../../src/testing/index.ts';
import { Connection } from './reference-server.ts';

const ALL_DONE = 4_321;
const SAME_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** Connects and echoes repeatedly, until a Close with 4321. Correct except for one fault. */
export async function referenceClient(url: string, fault = ''): Promise<void> {
  const { hostname, port } = new URL(url);
  for (let code: number | undefined; code !== ALL_DONE; ) {
    code = await once({ hostname, port: Number(port) }, fault);
  }
}

/** Serves one connection. @returns The close code. */
function once(
  { hostname, port }: { hostname: string; port: number },
  fault: string,
): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port, noDelay: true, allowHalfOpen: true });
    let code: number | undefined;
    const key =
      fault === 'same-key' ? SAME_KEY : randomBytes(fault === 'short-key' ? 15 : 16).toString('base64');
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') code = ALL_DONE;
    });
    socket.on('close', () => resolve(code));
    socket.on('end', () => socket.end());
    socket.write(request(key, `${hostname}:${port}`, fault));
    answered(socket, key, fault, (closedWith) => (code = closedWith));
  });
}

const request = (key: string, host: string, fault: string): string =>
  [
    `${fault === 'posts' ? 'POST' : 'GET'} / HTTP/1.1`,
    ...(fault === 'names-no-host' ? [] : [`Host: ${host}`]),
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${key}`,
    `Sec-WebSocket-Version: ${fault === 'old-version' ? 8 : 13}`,
    '\r\n',
  ].join('\r\n');

function answered(socket: Socket, key: string, fault: string, onClose: (code: number) => void): void {
  let received = Buffer.alloc(0);
  const read = (chunk: Buffer): void => {
    received = Buffer.concat([received, chunk]);
    let head: ResponseHead | undefined;
    try {
      head = readResponseHead(received);
    } catch {
      socket.destroy();
      return;
    }
    if (head === undefined) return;
    socket.off('data', read);
    if (!isAcceptable(head, key, fault)) {
      socket.destroy();
      return;
    }
    const connection = new Connection(socket, fault, undefined, 'client', onClose);
    socket.on('data', (more: Buffer) => connection.receive(more));
    if (fault !== 'loses-behind') connection.receive(received.subarray(head.raw.length));
  };
  socket.on('data', read);
}

function isAcceptable({ version, status, fields }: ResponseHead, key: string, fault: string): boolean {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const upgrades = fields.get('upgrade')?.toLowerCase() === 'websocket';
  const connects = /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(fields.get('connection') ?? '');
  return (
    version === 'HTTP/1.1' &&
    (status === 101 || fault === 'takes-any-status') &&
    (upgrades || fault === 'takes-any-upgrade') &&
    (connects || fault === 'takes-any-connection') &&
    (fields.get('sec-websocket-accept') === accept || fault === 'takes-any-accept') &&
    (!fields.has('sec-websocket-protocol') || fault === 'takes-any-protocol') &&
    (!fields.has('sec-websocket-extensions') || (fault === 'takes-any-extension' && parses(fields)))
  );
}

function parses(fields: ReadonlyMap<string, string>): boolean {
  try {
    return parseExtensions(fields.get('sec-websocket-extensions')!).length > 0;
  } catch {
    return false;
  }
}
