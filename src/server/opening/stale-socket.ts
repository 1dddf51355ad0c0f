import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';

/**
 * Removes the file of a Unix socket that nothing listens on: what a process leaves that was killed. The file is removed
 * only if a connection to it is refused and it is still the same file after that.
 * @returns Whether listening is worth another attempt.
 */
export async function removeStaleSocket(path: string): Promise<boolean> {
  try {
    const before = await lstat(path);
    if (!before.isSocket() || (await answers(path))) return false;
    const after = await lstat(path);
    if (after.ino !== before.ino || after.dev !== before.dev) return false;
    await unlink(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

/** Whether a process listens there; whatever is not a clear refusal counts as one. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
