import { callOptions, checkCallOptions, checkCount, refuseArgument } from '../../options/call-check.ts';
import type { HeaderList } from '../../options/hooks.ts';
import { isOptionsObject } from '../../options/option-check.ts';
import { MisuseError } from '../../protocol/errors.ts';

/** Headers and body of a refusal by the `upgrade` hook. */
export interface RefuseOptions {
  readonly headers?: HeaderList;
  /** Text is sent as `text/plain; charset=utf-8`, unless `headers` has a content type. Browsers never show it. */
  readonly body?: string | Uint8Array;
}

const REFUSE_OPTIONS = callOptions({
  headers: {
    fits: (value) =>
      isOptionsObject(value, {}) || (typeof value === 'object' && value !== null && Symbol.iterator in value),
    allowed: 'Headers, a list of pairs, or an object of strings',
  },
  body: {
    fits: (value) => typeof value === 'string' || value instanceof Uint8Array,
    allowed: 'a string or bytes',
  },
});

function checkRefuseArguments(args: ArrayLike<unknown>): void {
  const [, options] = Array.from(args);
  checkCount('refuse', args, 2);
  if (typeof options === 'string')
    refuseArgument(
      'refuse',
      'options',
      options,
      `an object: refuse(status, { body: ${JSON.stringify(options)} })`,
    );
  checkCallOptions('refuse', options, REFUSE_OPTIONS);
}

/**
 * A refusal for the `upgrade` hook to return: `return refuse(401, { headers: { 'www-authenticate': 'Bearer' } })`.
 * @param status HTTP status, 300 to 599.
 * @throws MisuseError `ERR_ARGUMENT` for another status, a body with status 304, or headers that HTTP does not allow.
 */
export function refuse(status: number, options: RefuseOptions = {}): Response {
  if (!Number.isInteger(status) || status < 300 || status > 599) {
    throw new MisuseError('ERR_ARGUMENT', `a refusal has a status from 300 to 599, not ${String(status)}`);
  }
  checkRefuseArguments(arguments);
  try {
    const { headers: list = {} } = options;
    const headers = new Headers();
    for (const [name, value] of Symbol.iterator in list ? list : Object.entries(list))
      headers.append(name, value);
    return new Response(options.body ?? null, { status, headers });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MisuseError('ERR_ARGUMENT', `this refusal cannot be sent as an HTTP response: ${why}`, {
      cause: error,
    });
  }
}
