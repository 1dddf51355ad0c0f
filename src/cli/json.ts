import { printableJson } from '../protocol/index.ts';

/** An object as one line of JSON without characters that a terminal acts on. */
export const jsonLine = (value: Readonly<Record<string, unknown>>): string =>
  printableJson(JSON.stringify(value));
