import buffer from 'node:buffer';
import { syncBuiltinESMExports } from 'node:module';
import process from 'node:process';

/** The child's result of a row, and of a request for SIMD memory. */
export interface Report {
  readonly vectors: boolean;
  readonly outcomes: readonly {
    readonly rule: string;
    readonly role: string;
    readonly lines: readonly string[];
  }[];
}

// Runs with --jitless, so there is no WebAssembly. Like a Node without ICU, it has no transcode.
if (process.send !== undefined) {
  Object.assign(buffer, { transcode: undefined });
  syncBuiltinESMExports();
  // Imported late, because the protocol detects features of the runtime when it is loaded.
  const { simd, simdMemory } = await import('../../src/protocol/simd.ts');
  const { DEFAULT_KEY } = await import('../../src/testing/frames.ts');
  const { drive } = await import('../../fuzz/drive.ts');
  const { BARE_ROWS } = await import('./bare-rows.ts');
  const { LIMITS } = await import('../vectors/row.ts');
  const outcomes = BARE_ROWS.flatMap((row) =>
    (['server', 'client'] as const).map((role) => {
      const wire = Buffer.concat(row.wire(role === 'server' ? DEFAULT_KEY : false));
      return {
        rule: row.rule,
        role,
        lines: drive({ role, limits: { ...LIMITS, ...row.limits } }, [wire]).lines,
      };
    }),
  );
  const report: Report = { vectors: simd !== undefined || simdMemory !== undefined, outcomes };
  process.send(report, () => process.disconnect());
}
