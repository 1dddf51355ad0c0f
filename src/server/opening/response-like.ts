import { Buffer } from 'node:buffer';
import type { HeaderList, ResponseLike } from '../../options/hooks.ts';

/** A response that was read: what `renderResponse` writes. */
export interface ReadResponse {
  readonly status: number;
  readonly headers: Iterable<readonly [name: string, value: string]>;
  readonly body: Buffer;
}

/**
 * Whether a value has the shape of a web `Response`. Not asked by class: undici's package, test environments and other
 * realms each have a `Response` of their own.
 */
export function isResponseLike(value: unknown): value is ResponseLike {
  if (typeof value !== 'object' || value === null) return false;
  const { status, headers } = value as { status?: unknown; headers?: unknown };
  return Number.isInteger(status) && isHeaderList(headers);
}

/** Whether a value is iterable, or a plain object of any realm: what {@link headerPairs} can read. */
export function isHeaderList(value: unknown): value is HeaderList {
  return typeof value === 'object' && value !== null && (Symbol.iterator in value || isPlainObject(value));
}

/** `Headers`, pairs, or a plain object, as pairs. */
export function headerPairs(headers: HeaderList): Iterable<readonly [string, string]> {
  return Symbol.iterator in headers ? headers : Object.entries(headers);
}

/** Whether a value is an object literal, of any realm, or an object without prototype. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * Reads the body of a response.
 * @throws TypeError (as a rejection) for a body that was read before, or that is of no known kind.
 */
export async function readResponse(response: ResponseLike): Promise<ReadResponse> {
  const { status, headers } = response;
  return { status, headers: headerPairs(headers), body: await bodyOf(response) };
}

/** A plain object has no method for its body. */
async function bodyOf(response: ResponseLike & { body?: unknown }): Promise<Buffer> {
  if (typeof response.arrayBuffer === 'function') {
    try {
      return Buffer.from(await response.arrayBuffer());
    } catch (error) {
      throw new TypeError('the body of the response cannot be read; make a new Response for each request', {
        cause: error,
      });
    }
  }
  const { body } = response;
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body as string);
  throw new TypeError('the body of the response is neither text nor bytes, and it has no arrayBuffer()');
}
