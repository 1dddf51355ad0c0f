import assert from 'node:assert/strict';
import { MisuseError } from '../src/index.ts';
import { WaitError } from '../src/testing/index.ts';

/** One value of every kind, as a wrong argument. */
export const WRONG_VALUES: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  0,
  NaN,
  -1,
  1.5,
  1n,
  'x',
  '',
  {},
  { unknownName: 1 },
  [],
  [null],
  new Date(0),
  new Map(),
  /x/,
  Promise.resolve(),
  Symbol('x'),
  () => {},
];

/** What came of a call: a typed refusal, or a value. A raw error of the engine fails the test. */
export async function outcomeOf(label: string, call: () => unknown): Promise<'refused' | 'accepted'> {
  try {
    await call();
    return 'accepted';
  } catch (error) {
    if (error instanceof WaitError) return 'accepted';
    assert.ok(error instanceof Error && 'code' in error, `${label}: ${String(error)}`);
    // What the system says of a host or a port is documented as such.
    const isTyped = error instanceof MisuseError || error.name === 'ConnectError' || 'syscall' in error;
    assert.ok(isTyped, `${label} throws the raw ${error.name} "${error.message}"`);
    assert.ok(error.message.length > 20, `${label}: "${error.message}" says too little`);
    return 'refused';
  }
}

/** How a value is named in the table of what is valid. */
export function nameOf(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'function';
  if (typeof value === 'symbol') return 'symbol';
  if (Array.isArray(value)) return value.length === 0 ? '[]' : '[null]';
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return Object.keys(value).length === 0 ? '{}' : '{ unknownName }';
  return typeof value === 'object' && value !== null ? value.constructor.name : String(value);
}

/** Calls a function with each wrong value. @returns Those it accepted. */
export async function acceptedValues(label: string, call: (value: unknown) => unknown): Promise<string[]> {
  const accepted: string[] = [];
  for (const value of WRONG_VALUES) {
    const name = nameOf(value);
    if ((await outcomeOf(`${label} with ${name}`, () => call(value))) === 'accepted') accepted.push(name);
  }
  return accepted;
}
