import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { RawClient, type ResponseHead, waitForEvent } from '../testing/index.ts';
import type { Target } from './model.ts';
import { encodeRequest, faultOfAcceptance, newKey, type RequestSpec } from './request.ts';

const hostname = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

/** Whether the host is this machine. */
export function isLocal(url: URL): boolean {
  const host = hostname(url);
  return (
    host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(?:\.\d+){3}$/.test(host)
  );
}

/**
 * Connects over TCP, with TLS for `wss:`. Sends no request.
 * @throws WaitError if the connection fails or takes too long.
 */
export async function dial({ url, tls, timeoutMs }: Target): Promise<RawClient> {
  const secure = url.protocol === 'wss:';
  const host = hostname(url);
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
  try {
    await waitForEvent(socket, 'connect', { deadlineMs: timeoutMs });
    if (!secure) return RawClient.over(socket);
    const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
    const encrypted = connectTls({ socket, ...servername, ...tls, ALPNProtocols: ['http/1.1'] });
    await waitForEvent(encrypted, 'secureConnect', { deadlineMs: timeoutMs });
    return RawClient.over(encrypted);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

export interface Opened {
  readonly raw: RawClient;
  readonly head: ResponseHead;
  /** The fault of the response; `undefined` for a valid 101. */
  readonly fault: string | undefined;
}

/**
 * Performs an ordinary opening handshake.
 * @param extensions Value of `Sec-WebSocket-Extensions`. Default: no offer.
 * @throws WaitError if no response arrives.
 */
export async function open(target: Target, extensions?: string): Promise<Opened> {
  const raw = await dial(target);
  try {
    const key = newKey();
    const spec: RequestSpec =
      extensions === undefined ? {} : { fields: { 'Sec-WebSocket-Extensions': extensions } };
    raw.send(encodeRequest(spec, target, key));
    const head = await raw.nextHead({ deadlineMs: target.timeoutMs });
    const fault =
      head.status === 101
        ? faultOfAcceptance(head, key, target.protocols, extensions)
        : `status ${head.status}`;
    return { raw, head, fault };
  } catch (error) {
    raw[Symbol.dispose]();
    throw error;
  }
}
