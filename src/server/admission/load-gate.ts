import { CALM, type LevelSource } from '../../observe/load-control/level.ts';
import type { Priority } from '../../options/priority.ts';
import type { Admission, AdmissionRefusal } from './admission.ts';

/** Delay of a new handshake by the level of load, in ms. */
const DELAYS_MS: Readonly<Record<LevelSource['level'], number>> = { normal: 0, elevated: 100, critical: 500 };
/** Delay of a new handshake above the soft limit of connections, in ms. */
const SOFT_LIMIT_DELAY_MS = 100;

const OVERLOADED: AdmissionRefusal = Object.freeze({ refused: 'ERR_OVERLOADED' });

/** Slows new handshakes down while the server is loaded, and refuses the less important ones while it is overloaded. */
export class LoadGate {
  /** Knows the level of load. Without load control, the level is always `normal`. */
  source: LevelSource = CALM;
  readonly #admission: Pick<Admission, 'isAboveSoftLimit'>;

  constructor(admission: Pick<Admission, 'isAboveSoftLimit'>) {
    this.#admission = admission;
  }

  /** How long a new handshake has to wait, in ms; 0 for not at all. */
  get delayMs(): number {
    const byLevelMs = DELAYS_MS[this.source.level];
    return byLevelMs === 0 && this.#admission.isAboveSoftLimit ? SOFT_LIMIT_DELAY_MS : byLevelMs;
  }

  /** Why a handshake is refused now; `undefined` if it is not. */
  refusal(priority: Priority): AdmissionRefusal | undefined {
    const isSpared = priority === 'critical' || priority === 'high';
    return this.source.level === 'critical' && !isSpared ? OVERLOADED : undefined;
  }
}
