/**
 * `hawser/observe`: what a running server tells its operator. It has no dependency.
 *
 * @module
 */
export { type Metric, METRICS } from './metrics/metric-table.ts';
