import type { IncomingMessage } from 'node:http';
import type { Fields } from '../../protocol/handshake/fields.ts';
import type { UpgradeRequest as UpgradeHead } from '../../protocol/handshake/server.ts';
import type { HeaderFields, UpgradeRequest } from '../../options/hooks.ts';

/** Header fields as an object without prototype: names in lower case, repeated fields joined. */
export function headerRecord(fields: Fields): HeaderFields {
  const record: Record<string, string> = Object.create(null);
  for (const [name, value] of fields.joined()) record[name] = value;
  return record;
}

/** The request of a handshake, as the application sees it. The record of headers is built at first access. */
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
