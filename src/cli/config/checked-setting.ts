import { checkServerOption, MemoryBudget, MisuseError, type OptionDescription } from '../../index.ts';
import { UsageError } from '../command.ts';
import { wholeNumber } from '../flags.ts';

/** Turns a refusal of the library into one of the command line. */
export function asUsage<Result>(check: () => Result, wordsOf = (message: string): string => message): Result {
  try {
    return check();
  } catch (error) {
    if (error instanceof MisuseError) throw new UsageError(wordsOf(error.message), { cause: error });
    throw error;
  }
}

/**
 * Checks one option.
 * @param given A number stands for a memory budget of so many bytes.
 * @param label Name of the option in the error.
 * @returns The value as the API takes it.
 */
export function checkedValue(
  path: string,
  { kind }: OptionDescription,
  given: unknown,
  label: string,
): unknown {
  if (kind === 'budget') return budgetOf(given, label);
  const value = checkServerOption(path, given, label);
  // Checked, they hold the content of their files: the constructor reads these again.
  return kind === 'tls' ? given : value;
}

function budgetOf(given: unknown, label: string): MemoryBudget {
  if (typeof given === 'number' && Number.isSafeInteger(given) && given > 0)
    return new MemoryBudget({ maxBytes: given });
  throw new MisuseError(
    'ERR_OPTION',
    `${label} is ${JSON.stringify(given)}; it must be a whole number of bytes, 1 or more`,
  );
}

/** Groups that `true` switches on, with their defaults. */
const SWITCHED_ON: ReadonlySet<string> = new Set([
  'perMessageDeflate',
  'metrics',
  'loadControl',
  'loadControl.breaker',
  'loadControl.alerts',
]);

/**
 * Checks what stands for a whole group: `false`, and `true` for the groups that it switches on.
 * @param orElse Ends the sentence "it must be true, false, …".
 * @throws UsageError for anything else.
 */
export function checkedSwitch(
  path: string,
  { orFalse }: OptionDescription,
  given: unknown,
  label: string,
  orElse: string,
): boolean {
  const allowed = [...(SWITCHED_ON.has(path) ? [true] : []), ...(orFalse ? [false] : [])];
  if (typeof given === 'boolean' && allowed.includes(given)) return given;
  throw new UsageError(`${label} is ${JSON.stringify(given)}; it must be ${[...allowed, orElse].join(', ')}`);
}

/** The number that a text says; the text if it is none. */
const decimal = (text: string): number | string => (/^\d+(?:\.\d+)?$/.test(text) ? Number(text) : text);

/**
 * Reads the value of a flag or of a variable.
 * @param given More than one text for a list only.
 */
export function valueOfTexts(
  { kind, orFalse, values = [], max }: OptionDescription,
  given: readonly string[],
  isOff: (text: string) => boolean,
): unknown {
  const [text = ''] = given;
  const number = wholeNumber(text);
  if (kind === 'budget') return number ?? text;
  if (kind === 'list') {
    if (given.length > 1) return given;
    if (max !== undefined && number !== undefined) return number;
    if (orFalse && isOff(text)) return false;
    return values.includes(text) ? text : given;
  }
  if (orFalse && isOff(text)) return false;
  if (kind === 'ratio') return decimal(text);
  if (kind === 'levels') return text.split(',').map((each) => decimal(each.trim()));
  return max === undefined ? text : (number ?? text);
}
