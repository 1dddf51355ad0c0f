/** The number that an option of a benchmark gives. @throws Error unless the text is a whole number above 0. */
export function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${name} is ${text}; it must be a whole number above 0`);
  return value;
}
