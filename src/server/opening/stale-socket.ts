import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';

/**
 * Removes the file of a stale Unix socket, which a killed process leaves behind. The file is removed only if a connection
 * to it is refused and it is still the same file after that.
 * @returns Whether to try to listen again.
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

/** Whether a process listens on the socket. Only ECONNREFUSED counts as no. */
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
