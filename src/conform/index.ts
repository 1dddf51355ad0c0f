/**
 * `hawser/conform`: the conformance suite of `hawser conform` as a library. It tests any WebSocket server or client against
 * RFC 6455 and RFC 7692, and returns a report as data.
 *
 * @example
 * const report = await testServer('ws://127.0.0.1:9001/', { only: ['utf8', 'close'] });
 * assert.equal(report.counts.fail, 0, junitReport(report));
 *
 * @module
 */
export { GROUPS, type GroupName } from './case.ts';
export {
  type CaseDescription,
  type ClientTestOptions,
  conformanceCases,
  ConformanceError,
  type ConformanceOptions,
  type ServerTestOptions,
  testClient,
  testServer,
} from './conformance.ts';
export type { RunResult } from './judge-run.ts';
export { type Role, type Verdict, VERDICTS } from './model.ts';
export { htmlReport } from './report-html.ts';
export { jsonReport } from './report-json.ts';
export { junitReport } from './report-junit.ts';
export type { CaseResult, Report, ReportHead } from './result.ts';
export type { SuiteProgress } from './suite.ts';
export type { TranscriptEntry } from './wire.ts';
