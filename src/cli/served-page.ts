import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestHook } from '../index.ts';

/** A web page of the command: one file of the package, and values for its placeholders. */
export interface ServedPage {
  /** Path of the file in the package. */
  readonly file: string;
  /** What the page is, for the answer to other paths: `The chat`. */
  readonly what: string;
  /** Values of placeholders such as `%SOCKET_PATH%`, which stand inside of attributes. */
  readonly values: Readonly<Record<string, string>>;
  /** A script that the page loads: its path on the server, and its file in the package. */
  readonly script?: { readonly path: string; readonly file: string };
}

/** @param socketPath Path that the page connects to. */
export const chatPage = (socketPath: string): ServedPage => ({
  file: 'build/package/chat.html',
  what: 'The chat',
  values: { SOCKET_PATH: socketPath },
  script: { path: '/hawser.js', file: 'build/package/browser.js' },
});

/** @param socketPath Path that the page connects to. @param mode What the server does with a message. */
export const playground = (socketPath: string, mode: 'echo' | 'relay' | 'topics'): ServedPage => ({
  file: 'build/package/playground.html',
  what: 'The playground',
  values: { SOCKET_PATH: socketPath, MODE: mode },
});

/** Hashes of the content between two tags, for the Content-Security-Policy. */
function hashes(html: string, tag: string): string {
  const pattern = new RegExp(`<${tag}(?: type="module")?>(.*?)</${tag}>`, 'gs');
  return [...html.matchAll(pattern)]
    .map(([, text]) => `'sha256-${createHash('sha256').update(text!).digest('base64')}'`)
    .join(' ');
}

const escapedAttribute = (text: string): string =>
  text.replace(/[&"<>]/g, (char) => `&#${char.codePointAt(0)};`);

/** A file of the package. Resolved through the package, because a bundler may move this code. */
const readText = (file: string): string =>
  readFileSync(new URL(file, import.meta.resolve('hawser/package.json')), 'utf8');

function htmlOf({ file, values }: ServedPage): string {
  const html = readText(file);
  return html.replace(/%([A-Z_]+)%/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : escapedAttribute(value);
  });
}

/**
 * Serves a page at `/`, with a policy that allows nothing but its own script, its own style and its own socket.
 * @throws Error of the file system if the page is missing.
 */
export function servePage(page: ServedPage): RequestHook {
  const html = htmlOf(page);
  const { script } = page;
  const code = script === undefined ? '' : readText(script.file);
  const policy = (host: string): string =>
    [
      "default-src 'none'",
      `script-src ${script === undefined ? '' : "'self' "}${hashes(html, 'script')}`,
      `style-src ${hashes(html, 'style')}`,
      // In older browsers 'self' does not include a WebSocket.
      `connect-src 'self' ws://${host} wss://${host}`,
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; ');
  return ({ method, url }) => {
    const isScript = url.pathname === script?.path;
    if (url.pathname !== '/' && !isScript) {
      return new Response(`There is nothing here. ${page.what} is at /\n`, {
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
    if (isScript) {
      return new Response(code, {
        headers: {
          'content-type': 'text/javascript; charset=utf-8',
          'cache-control': 'no-cache',
          'x-content-type-options': 'nosniff',
        },
      });
    }
    return new Response(html, {
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': policy(url.host),
        'cache-control': 'no-cache',
        vary: 'accept', // programs may get a text at this path
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      },
    });
  };
}
