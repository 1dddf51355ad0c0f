import { isOptionsObject, shown } from '../../options/option-check.ts';
import { nearestName } from '../../options/nearest-name.ts';
import { MisuseError } from '../../protocol/errors.ts';
import { LOAD_SIGNALS, type LoadSignalName, type LoadSignals } from './signals.ts';

const KNOWN = Object.freeze(Object.fromEntries(LOAD_SIGNALS.map((name) => [name, true])));

const refuseResult = (what: string): never => {
  throw new MisuseError('ERR_OPTION', `loadControl.probe returned ${what}`);
};

/**
 * Checks what the option `loadControl.probe` returned.
 * @throws MisuseError `ERR_OPTION` for anything but an object of signals, each a finite number from 0 up.
 */
export function checkedSignals(given: unknown): Partial<LoadSignals> {
  if (!isOptionsObject(given, KNOWN))
    return refuseResult(`${shown(given)}; it must return an object such as { cpuRatio: 0.5 }`);
  const signals: Partial<Record<LoadSignalName, number>> = {};
  for (const [name, value] of Object.entries(given) as [LoadSignalName, unknown][]) {
    if (!Object.hasOwn(KNOWN, name)) {
      const nearest = nearestName(name, LOAD_SIGNALS);
      return refuseResult(
        `the unknown signal ${shown(name).slice(1, -1)}${nearest === undefined ? `; signals are ${LOAD_SIGNALS.join(', ')}` : `; the nearest is ${nearest}`}`,
      );
    }
    if (value === undefined) continue;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
      return refuseResult(`${name} ${shown(value)}; it must be a finite number from 0 up`);
    signals[name] = value;
  }
  return signals;
}
