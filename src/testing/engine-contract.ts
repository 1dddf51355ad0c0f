import type { Engine } from '../cluster/engine.ts';
import { checkArgument, checkCallOptions, FUNCTION, OPTIONS } from './call-check.ts';
import { ContractContext, type EngineContractOptions } from './engine-contract-context.ts';
import { HISTORY_CASES } from './engine-contract-history.ts';
import { NODE_CASES } from './engine-contract-nodes.ts';

export type { EngineContractOptions } from './engine-contract-context.ts';

/** One case of {@link engineContract}. */
export interface EngineCase {
  /** States the fact that is tested. */
  readonly title: string;
  /** Rejects with an AssertionError or a WaitError if the engine breaks the contract. */
  readonly run: () => Promise<void>;
}

/**
 * Tests an engine: order, numbers, history, retries, interest, members, control messages, and what must not happen.
 *
 * @example
 * for (const { title, run } of engineContract((scope) => myEngine({ prefix: scope }))) test(title, run);
 *
 * @param makeEngine Returns a new engine that is not started. Engines of one scope join each other, and no others.
 * @returns The cases that apply to the engine, in a fixed order. Each makes its own engines and stops them.
 */
export function engineContract(
  makeEngine: (scope: string) => Engine,
  options: EngineContractOptions = {},
): readonly EngineCase[] {
  checkArgument('engineContract', 'makeEngine', makeEngine, FUNCTION);
  checkCallOptions('engineContract', options, OPTIONS.engineContract);
  const { capabilities } = makeEngine('contract-capabilities');
  const has = {
    history: capabilities.history,
    presence: capabilities.presence,
    joins: options.joins !== false,
    disconnect: options.disconnect !== undefined,
  };
  return [...HISTORY_CASES, ...NODE_CASES]
    .filter(({ needs }) => needs.every((need) => has[need]))
    .map(({ title, check }) => ({
      title,
      run: async () => {
        const context = new ContractContext(makeEngine, options);
        try {
          await check(context);
        } finally {
          await context.stop();
        }
      },
    }));
}
