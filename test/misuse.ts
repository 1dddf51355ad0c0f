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

/** Makes a call. @returns Whether it refused with a typed error or accepted. @throws If the error is a raw error of the runtime. */
export async function outcomeOf(label: string, call: () => unknown): Promise<'refused' | 'accepted'> {
  try {
    await call();
    return 'accepted';
  } catch (error) {
    if (error instanceof WaitError) return 'accepted';
    assert.ok(error instanceof Error && 'code' in error, `${label}: ${String(error)}`);
    // System errors about a host or a port are documented, so they count as typed.
    const isTyped = error instanceof MisuseError || error.name === 'ConnectError' || 'syscall' in error;
    assert.ok(isTyped, `${label} throws the raw ${error.name} "${error.message}"`);
    assert.ok(error.message.length > 20, `${label}: "${error.message}" says too little`);
    return 'refused';
  }
}

/** The name of a value in the tables of accepted values. */
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

/** Calls a function with each wrong value. @returns The names of the values that it accepted. */
export async function acceptedValues(label: string, call: (value: unknown) => unknown): Promise<string[]> {
  const accepted: string[] = [];
  for (const value of WRONG_VALUES) {
    const name = nameOf(value);
    if ((await outcomeOf(`${label} with ${name}`, () => call(value))) === 'accepted') accepted.push(name);
  }
  return accepted;
}
