// A signed name and expiry time: enough for the authentication examples. In production use a JWT or PASETO library.
import { createHmac, randomBytes } from 'node:crypto';
import { timingSafeEqualText } from 'hawser';

/** New at each start, so old tokens become invalid. Several processes of one service must share the key. */
const key = randomBytes(32);

const signature = (body: string): string => createHmac('sha256', key).update(body).digest('base64url');

/** Makes a token of letters, digits, `-`, `_` and `.`: valid in a header, a cookie, a query and a subprotocol name. */
export function sign(user: string, lifetimeMs: number): string {
  const body = `${Buffer.from(user).toString('base64url')}.${Date.now() + lifetimeMs}`;
  return `${body}.${signature(body)}`;
}

/** Returns the token's user and expiry time; `undefined` if the signature is wrong or the token has expired. */
export function verify(token: string): { readonly user: string; readonly expiresAt: number } | undefined {
  const [name = '', expiry = '', given = ''] = token.split('.');
  if (!timingSafeEqualText(given, signature(`${name}.${expiry}`))) return undefined;
  const expiresAt = Number(expiry);
  return expiresAt > Date.now() ? { user: Buffer.from(name, 'base64url').toString(), expiresAt } : undefined;
}
