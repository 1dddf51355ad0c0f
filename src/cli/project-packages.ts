import { createRequire } from 'node:module';
import { join } from 'node:path';
import { CommandError } from './command.ts';

/**
 * Loads a package of the user's project: a client of a broker, which is no dependency of Hawser.
 * @param flag The flag that needs it.
 * @param folder The folder of the project.
 * @param names Packages that would do; the first that is installed is loaded.
 * @throws CommandError naming the packages if none is installed, or the reason why one cannot be loaded.
 */
export function projectPackage(
  flag: string,
  folder: string,
  names: readonly string[],
): { readonly name: string; readonly module: unknown } {
  const name = installedOf(flag, folder, names);
  try {
    return { name, module: requireIn(folder)(name) };
  } catch (error) {
    throw new CommandError(`--${flag}: the package ${name} cannot be loaded: ${String(error)}`, {
      cause: error,
    });
  }
}

/**
 * The package that {@link projectPackage} would load.
 * @throws CommandError naming the packages if none is installed.
 */
export function installedOf(flag: string, folder: string, names: readonly string[]): string {
  const load = requireIn(folder);
  const name = names.find((wanted) => isInstalled(load, wanted));
  if (name !== undefined) return name;
  throw new CommandError(
    `--${flag} needs the package ${names.join(' or ')}, which is not installed in ${folder}: npm install ${names[0]}`,
  );
}

const requireIn = (folder: string): NodeJS.Require => createRequire(join(folder, 'package.json'));

function isInstalled(load: NodeJS.Require, name: string): boolean {
  try {
    load.resolve(name);
    return true;
  } catch {
    return false;
  }
}
