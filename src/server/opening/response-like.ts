import { Buffer } from 'node:buffer';
import type { HeaderList, ResponseLike } from '../../options/hooks.ts';

/** A response with its body read, for `renderResponse`. */
export interface ReadResponse {
  readonly status: number;
  readonly headers: Iterable<readonly [name: string, value: string]>;
  readonly body: Buffer;
}

/**
 * Whether a value has the shape of a web `Response`. Not `instanceof`: the package undici, test environments and other
 * realms have their own `Response` classes.
 */
export function isResponseLike(value: unknown): value is ResponseLike {
  if (typeof value !== 'object' || value === null) return false;
  const { status, headers } = value as { status?: unknown; headers?: unknown };
  return Number.isInteger(status) && isHeaderList(headers);
}

/** Whether {@link headerPairs} can read the value: an iterable, or a plain object of any realm. */
export function isHeaderList(value: unknown): value is HeaderList {
  return typeof value === 'object' && value !== null && (Symbol.iterator in value || isPlainObject(value));
}

/** The pairs of `Headers`, of a list of pairs, or of a plain object. */
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
 * @throws TypeError (as a rejection) for a body that was read before, or of an unknown kind.
 */
export async function readResponse(response: ResponseLike): Promise<ReadResponse> {
  const { status, headers } = response;
  return { status, headers: headerPairs(headers), body: await bodyOf(response) };
}

/** The body by `arrayBuffer()`, or the property `body` of a plain object. */
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
