import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const read = (name: string): unknown => JSON.parse(readFileSync(join(ROOT, 'docs', name), 'utf8'));

/** A frame, or a part of one. A string that begins with `$` stands for a value. */
export type Frame = Readonly<Record<string, unknown>>;

/** One frame or one event of a conversation; the field `about` of the file explains the kinds. */
export type Step =
  | { readonly client: string; readonly sends: Frame }
  | { readonly client: string; readonly sendsText: string }
  | { readonly client: string; readonly sendsBinary: string }
  | { readonly client: string; readonly gets: Frame }
  | { readonly client: string; readonly getsClose: number }
  | { readonly client: string; readonly leaves: true }
  | { readonly server: 'publish'; readonly topic: string; readonly data?: string; readonly data64?: string }
  | { readonly server: 'subscribe'; readonly client: string; readonly topic: string }
  | { readonly server: 'unsubscribe'; readonly client: string; readonly topic: string }
  | { readonly server: 'request'; readonly client: string; readonly name: string; readonly data: unknown }
  | { readonly server: 'replied'; readonly data: unknown }
  | { readonly server: 'failed'; readonly code: string }
  | { readonly repeat: number; readonly steps: readonly Step[] };

export interface VectorServer {
  readonly allow?: readonly string[];
  readonly history?: readonly { readonly match: string; readonly [limit: string]: unknown }[];
  readonly presence?: readonly { readonly match: string; readonly [limit: string]: unknown }[];
  readonly members?: boolean;
  readonly handlers?: readonly ('echo' | 'fail')[];
}

export interface Vector {
  readonly title: string;
  readonly server: VectorServer;
  readonly steps: readonly Step[];
}

interface VectorFile {
  readonly groups: readonly { readonly group: string; readonly vectors: readonly Vector[] }[];
}

export const GROUPS = (read('hawser-v1.vectors.json') as VectorFile).groups;

/** The steps with every `repeat` written out. */
export function stepsOf(steps: readonly Step[]): Step[] {
  return steps.flatMap((step) =>
    'repeat' in step
      ? Array.from({ length: step.repeat }, (_, round) =>
          stepsOf(step.steps).map(
            (each) => JSON.parse(JSON.stringify(each).replaceAll('#', String(round))) as Step,
          ),
        ).flat()
      : [step],
  );
}

/** Values of names such as `$epoch`, bound in the course of a conversation. */
export class Bindings {
  readonly #values = new Map<string, unknown>();

  /** The value with every name replaced by its value. */
  fill(value: unknown): unknown {
    if (isName(value)) return this.#values.get(value) ?? value;
    return mapped(value, (inner) => this.fill(inner));
  }

  /** What is expected in the place of `actual`: a name that has no value yet gets the actual one. */
  expected(pattern: unknown, actual: unknown): unknown {
    if (pattern === '$') return actual;
    if (isName(pattern)) {
      if (!this.#values.has(pattern) && actual !== undefined) this.#values.set(pattern, actual);
      return this.#values.get(pattern) ?? pattern;
    }
    return mapped(pattern, (inner, key) =>
      this.expected(inner, (actual as Readonly<Record<string, unknown>> | null | undefined)?.[key]),
    );
  }
}

const isName = (value: unknown): value is string => typeof value === 'string' && value.startsWith('$');

function mapped(value: unknown, map: (inner: unknown, key: string) => unknown): unknown {
  if (Array.isArray(value)) return value.map((inner, at) => map(inner, String(at)));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, map(inner, key)]));
}

/** @returns Why the frame is not valid; `undefined` if it is. */
type Check = (frame: unknown) => string | undefined;

interface Ajv {
  addSchema(schema: unknown, key: string): Ajv;
  getSchema(key: string): ((data: unknown) => boolean) & { readonly errors?: unknown };
  validateSchema(schema: unknown): boolean;
}

function loaded(): { readonly ajv?: Ajv; readonly skip: string | false } {
  try {
    const load = createRequire(join(ROOT, 'test', 'cluster', 'package.json'));
    const { Ajv2020 } = load('ajv/dist/2020.js') as { readonly Ajv2020: new (options: object) => Ajv };
    return { ajv: new Ajv2020({ strict: true, strictRequired: false, strictTypes: false }), skip: false };
  } catch {
    return { skip: 'needs the package ajv: npm ci --prefix test/cluster' };
  }
}
const { ajv, skip } = loaded();

/** `false`, or why the schema cannot be checked here. */
export const SCHEMA_SKIP = skip;
export const SCHEMA = read('hawser-v1.schema.json');
ajv?.addSchema(SCHEMA, 'hawser-v1');

export const schemaIsValid = (): boolean => ajv!.validateSchema(SCHEMA);

function check(definition: string): Check {
  return (frame) => {
    const validate = ajv!.getSchema(`urn:hawser:v1#/$defs/${definition}`);
    return validate(frame) ? undefined : JSON.stringify(validate.errors);
  };
}
export const clientFrameFault = check('clientFrame');
export const serverFrameFault = check('serverFrame');
