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
  const isBudget = kind === 'budget' && typeof given === 'number' && Number.isSafeInteger(given) && given > 0;
  const value = checkServerOption(path, isBudget ? new MemoryBudget({ maxBytes: given }) : given, label);
  // Checked, they hold the content of their files: the constructor reads these again.
  return kind === 'tls' ? given : value;
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
