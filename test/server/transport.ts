import process from 'node:process';
import type { ServerOptions } from '../../src/index.ts';

const { HAWSER_TEST_TRANSPORT: chosen = 'auto' } = process.env;
if (chosen !== 'auto' && chosen !== 'stream') throw new Error(`HAWSER_TEST_TRANSPORT is ${chosen}`);

/** What lies below the servers of this run that listen by themselves; `HAWSER_TEST_TRANSPORT=stream` changes it. */
export const TRANSPORT: Required<Pick<ServerOptions, 'transport'>> = { transport: chosen };
