import process from 'node:process';
import type { Answer, Call } from './peer.ts';

/** Answers the calls of the process that started this one, until that process ends. */
export function answerCalls(calls: Readonly<Record<string, (argument: never) => unknown>>): void {
  process.on('disconnect', () => process.exit());
  process.on('message', ({ id, call, argument }: Call) => {
    const reply = (answer: Answer): void =>
      void process.send?.(answer, undefined, undefined, () => undefined);
    const run = async (): Promise<unknown> => calls[call]!(argument as never);
    run().then(
      (value) => reply({ id, value }),
      (error: unknown) => reply({ id, error: error instanceof Error ? error.message : String(error) }),
    );
  });
}
