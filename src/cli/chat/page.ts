import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestHook } from '../../index.ts';

/** The page is next to its source in the package. Resolved through the package, because a bundler may move this code. */
const PAGE = new URL('src/cli/chat/page.html', import.meta.resolve('hawser/package.json'));

/** Hashes of the content between two tags, for the Content-Security-Policy. */
function hashes(html: string, tag: string): string {
  const pattern = new RegExp(`<${tag}>(.*?)</${tag}>`, 'gs');
  return [...html.matchAll(pattern)]
    .map(([, text]) => `'sha256-${createHash('sha256').update(text!).digest('base64')}'`)
    .join(' ');
}

const escapedAttribute = (text: string): string =>
  text.replace(/[&"<>]/g, (char) => `&#${char.codePointAt(0)};`);

/**
 * Serves the chat page at `/`, with a policy that allows nothing but its own script, its own style and its own socket.
 * @param socketPath Path that the page connects to.
 * @throws Error of the file system if the page is missing.
 */
export function chatPage(socketPath: string): RequestHook {
  const html = readFileSync(PAGE, 'utf8').replace('%SOCKET_PATH%', () => escapedAttribute(socketPath));
  const policy = (host: string): string =>
    [
      "default-src 'none'",
      `script-src ${hashes(html, 'script')}`,
      `style-src ${hashes(html, 'style')}`,
      // In older browsers 'self' does not include a WebSocket.
      `connect-src 'self' ws://${host} wss://${host}`,
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; ');
  return ({ method, url }) => {
    if (url.pathname !== '/') {
      return new Response('There is nothing here. The chat is at /\n', {
        status: 404,
        headers: { 'content-type': 'text/plain; charset=utf-8' },
      });
    }
    if (method !== 'GET' && method !== 'HEAD') {
      return new Response('This page supports GET and HEAD only.\n', {
        status: 405,
        headers: { allow: 'GET, HEAD' },
      });
    }
    return new Response(html, {
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': policy(url.host),
        'cache-control': 'no-cache',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      },
    });
  };
}
