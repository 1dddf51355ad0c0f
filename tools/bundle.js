// Makes what is published, build/package, of what the compiler made, build/src; part of `npm run build`. A file for each door and
// one for the command, beside files of what several of them share: a class is the same behind every door. Comments go, names
// stay: it fails if one that users can meet, in a stack or from util.inspect, has become another.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'build', 'package');
const DOORS = {
  index: 'build/src/index.js',
  client: 'build/src/client/index.js',
  protocol: 'build/src/protocol/index.js',
  testing: 'build/src/testing/index.js',
  cli: 'build/src/cli/main.js',
};
/** Functions and classes that stand by themselves. */
const NAMED =
  /^(?:export )?(?:(?:async )?(?:function\*?|class) ([\w$]+)|(?:const|let|var) ([\w$]+) = (?:class|function|(?:async )?(?:\([^()]*\)|[\w$]+) =>))/gm;

const { outputFiles, metafile } = await build({
  absWorkingDir: root,
  entryPoints: DOORS,
  outdir: folder,
  chunkNames: 'shared-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: 'linked',
  sourcesContent: false, // the package has them
  // Whoever bundles a program takes what it uses; the other calls of this kind are annotated where they stand.
  pure: ['Object.freeze'],
  legalComments: 'none', // the only licence is that of the package
  metafile: true,
  write: false,
});

const namesIn = (/** @type {string} */ code) =>
  [...code.matchAll(NAMED)].map((match) => match[1] ?? match[2]);

/** A class that speaks of itself is `var A = class _A`. It gets its name back, in as many columns as the source map counts. */
function withClassNames(/** @type {string} */ code) {
  const classes = [...code.matchAll(/^var ([\w$]+) = class _\1\b/gm)].map(([, name]) => name);
  return classes.reduce(
    (text, name) => text.replaceAll(new RegExp(String.raw`(?<![\w$.#'"\`])_${name}\b`, 'g'), ` ${name}`),
    code,
  );
}

/** Nothing happens where a file is loaded, so nobody needs one of which he takes nothing; bundlers warn of it. */
const withoutBareImports = (/** @type {string} */ code) =>
  code.replaceAll(/^import "\.\/shared-\w+\.js";$/gm, '');

/** @returns Names that no source has. Those of the command are met by whoever debugs it, and by nobody else. */
function strangeNames(/** @type {string} */ path, /** @type {string} */ code) {
  const inputs = Object.keys(metafile.outputs[`build/package/${basename(path)}`]?.inputs ?? {});
  if (inputs.some((input) => input.startsWith('build/src/cli/'))) return [];
  const known = new Set(inputs.flatMap((input) => namesIn(readFileSync(join(root, input), 'utf8'))));
  return [
    ...namesIn(code).filter((name) => !known.has(name)),
    ...[...code.matchAll(/\bclass (_[\w$]+)/g)].map(([, name]) => name),
  ];
}

const files = outputFiles.map(({ path, contents, text }) => ({
  path,
  contents: path.endsWith('.map') ? contents : withoutBareImports(withClassNames(text)),
}));
const strange = files.flatMap(({ path, contents }) =>
  typeof contents === 'string' ? strangeNames(path, contents) : [],
);
if (strange.length > 0)
  throw new Error(`two of one name, of which one has to take another: ${strange.join(', ')}`);

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const { path, contents } of files) writeFileSync(path, contents);
