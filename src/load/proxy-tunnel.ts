import { type ClientRequest, request as requestOverTcp } from 'node:http';
import { request as requestOverTls } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { ConnectError } from '../protocol/index.ts';
import type { ProxyTarget } from './load-plan.ts';

/** Callbacks of {@link openTunnel}. Exactly one is called, and never within `openTunnel`. */
export interface TunnelOwner {
  /** The tunnel is open. The owner must destroy the socket. */
  tunnelled(socket: Socket): void;
  /** The proxy opened no tunnel, and its socket is closed. @param why One sentence. */
  notTunnelled(why: string): void;
}

/**
 * Requests a tunnel from an HTTP proxy with CONNECT (RFC 9110 §9.3.6). The proxy resolves the host name.
 * @param host A name, or an address without brackets.
 * @returns The request. Destroy it to abandon the tunnel.
 */
export function openTunnel(
  { url, tls }: ProxyTarget,
  { host, port }: { readonly host: string; readonly port: number },
  owner: TunnelOwner,
): ClientRequest {
  const proxy = new URL(url);
  const secure = proxy.protocol === 'https:';
  const proxyHost = proxy.hostname.replace(/^\[|\]$/g, '');
  const proxyPort = proxy.port === '' ? (secure ? 443 : 80) : Number(proxy.port);
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const options = {
    host: proxyHost,
    port: proxyPort,
    method: 'CONNECT',
    path: authority,
    headers: { Host: authority, ...credentialsOf(proxy) },
    agent: false,
  };
  const serverName = isIP(proxyHost) === 0 ? { servername: proxyHost } : {};
  const request = secure ? requestOverTls({ ...options, ...serverName, ...tls }) : requestOverTcp(options);
  const fail = (code: 'ERR_PROXY' | 'ERR_PROXY_AUTH', detail: string): void =>
    owner.notTunnelled(new ConnectError(code, detail, { phase: 'proxy' }).message);
  request.once('connect', ({ statusCode = 0 }, socket: Socket, head) => {
    socket.on('error', () => undefined);
    if (statusCode >= 200 && statusCode <= 299) {
      if (head.length > 0) socket.unshift(head);
      owner.tunnelled(socket);
      return;
    }
    socket.destroy();
    // Tinyproxy answers 401 to wrong credentials.
    fail(statusCode === 407 || statusCode === 401 ? 'ERR_PROXY_AUTH' : 'ERR_PROXY', `status ${statusCode}`);
  });
  request.once('error', (error) =>
    fail('ERR_PROXY', `${proxyHost} port ${proxyPort} cannot be reached: ${error.message}`),
  );
  request.end();
  return request;
}

/** Basic authentication (RFC 7617), in UTF-8. */
function credentialsOf({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {};
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'Proxy-Authorization': `Basic ${Buffer.from(text, 'utf8').toString('base64')}` };
}
