// Users with hashed passwords, and sessions as signed cookies.
import { createHmac, scrypt } from 'node:crypto';
import process from 'node:process';
import { promisify } from 'node:util';
import { timingSafeEqualText } from 'hawser';

const LIFETIME_MS = 3_600_000;
const secret = process.env.SECRET; // the same on all nodes
if (!secret) throw new Error('Set SECRET to the secret of all nodes.');

/** Salt and hash of each user's password. */
const users = new Map([
  ['ann', { salt: 'KzP1hQmW3dE', hash: 'oi9LcMPsSFoXCq_V1ww65H2o1EhX5XwjyZjopjTtgKw' }], // harbour
  ['ben', { salt: 'b8TtYv0sLxo', hash: 'lJc8A9Yd7UWPW0y7m2OX4lrsFPHFJhP0LahVUhynXPQ' }], // lighthouse
]);
const unknown = { salt: '', hash: '' };

const signature = (text) => createHmac('sha256', secret).update(text).digest('base64url');

/** Returns a `Set-Cookie` value, or `undefined` if name or password is wrong. */
export async function signIn(name, password) {
  const { salt, hash } = users.get(name) ?? unknown; // an unknown name takes as long as a wrong password
  const given = (await promisify(scrypt)(password, salt, 32)).toString('base64url');
  if (!timingSafeEqualText(given, hash)) return undefined;
  const session = `${name}.${Date.now() + LIFETIME_MS}`;
  return `session=${session}.${signature(session)}; HttpOnly; SameSite=Strict; Max-Age=${LIFETIME_MS / 1_000}`;
}

/** Returns the user of a `Cookie` header, and when the session ends; `undefined` if there is no valid session. */
export function userOf(cookies) {
  const [, session = '', name, end, given = ''] =
    /\bsession=((\w+)\.(\d+))\.([\w-]+)/.exec(cookies ?? '') ?? [];
  if (!timingSafeEqualText(given, signature(session))) return undefined;
  return Number(end) > Date.now() ? { name, expiresAt: Number(end) } : undefined;
}
