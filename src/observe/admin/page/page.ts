import { createHash } from 'node:crypto';
import type { EndpointAnswer } from '../../endpoint-answers.ts';
import { ICON, MARKUP } from './markup.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

/** The page in one file: it loads nothing, so that it opens on a machine without internet. It contains no data. */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Hawser</title>
<link rel="icon" href="${ICON}">
<style>${STYLE}</style>
</head>
<body>${MARKUP}<script>${SCRIPT}</script></body>
</html>
`;

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * The page, with a policy that allows nothing but its own script, its own style and its own socket.
 * @param host The checked `Host` of the request: in older browsers `'self'` does not include a WebSocket.
 */
export function pageAnswer(host: string): EndpointAnswer {
  const policy = [
    "default-src 'none'",
    `script-src ${hash(SCRIPT)}`,
    `style-src ${hash(STYLE)}`,
    `connect-src 'self' ws://${host} wss://${host}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return {
    status: 200,
    headers: [
      ['content-type', 'text/html; charset=utf-8'],
      ['content-security-policy', policy],
      ['cache-control', 'no-cache'],
    ],
    body: PAGE,
  };
}
