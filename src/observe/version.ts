import process from 'node:process';

/** Version of the package; a test compares it with package.json. */
export const VERSION = '0.1.0';
/** As in `v20.19.0`. */
export const NODE_VERSION: string = process.version;

export const processId = (): number => process.pid;
