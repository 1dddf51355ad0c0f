// A name and an end, signed: enough for the examples of authentication. For more, take a library for JWT or PASETO.
import { createHmac, randomBytes } from 'node:crypto';
import { timingSafeEqualText } from 'hawser';

/** Made anew with each start, so that old tokens end with the process. A service of many processes shares it. */
const key = randomBytes(32);

const signature = (body: string): string => createHmac('sha256', key).update(body).digest('base64url');

/** Letters, digits, `-`, `_` and `.`: fit for a header, a cookie, a query, and the name of a subprotocol. */
export function sign(user: string, lifetimeMs: number): string {
  const body = `${Buffer.from(user).toString('base64url')}.${Date.now() + lifetimeMs}`;
  return `${body}.${signature(body)}`;
}

/** Who the token was made for, and until when; `undefined` if we did not make it, or it has expired. */
export function verify(token: string): { readonly user: string; readonly expiresAt: number } | undefined {
  const [name = '', expiry = '', given = ''] = token.split('.');
  if (!timingSafeEqualText(given, signature(`${name}.${expiry}`))) return undefined;
  const expiresAt = Number(expiry);
  return expiresAt > Date.now() ? { user: Buffer.from(name, 'base64url').toString(), expiresAt } : undefined;
}
