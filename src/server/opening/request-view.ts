import type { IncomingMessage } from 'node:http';
import type { Fields } from '../../protocol/handshake/fields.ts';
import type { UpgradeRequest as UpgradeHead } from '../../protocol/handshake/server.ts';
import type { HeaderFields, UpgradeRequest } from '../../options/hooks.ts';

/** Header fields as a plain object without prototype: names lower-case, repeated ones joined. */
function headerRecord(fields: Fields): HeaderFields {
  const record: Record<string, string> = Object.create(null);
  for (const [name, value] of fields.joined()) record[name] = value;
  return record;
}

/** The request that opened a connection, as applications see it. Most of it is made only when it is asked for. */
export class HandedRequest implements UpgradeRequest {
  readonly incomingMessage?: IncomingMessage;
  readonly #head: UpgradeHead;
  #headers: HeaderFields | undefined;

  constructor(head: UpgradeHead, incomingMessage?: IncomingMessage) {
    this.#head = head;
    if (incomingMessage !== undefined) this.incomingMessage = incomingMessage;
  }

  get method(): string {
    return this.#head.method;
  }

  get url(): URL {
    return this.#head.url;
  }

  get headers(): HeaderFields {
    this.#headers ??= headerRecord(this.#head.fields);
    return this.#headers;
  }

  get rawHeaders(): readonly string[] {
    return [...this.#head.fields].flat();
  }
}
