// Makes what is published, build/package, of what the compiler made, build/src; part of `npm run build`. A file for each door and
// one for the command, beside files of what several of them share: a class is the same behind every door. Comments go, names
// stay: it fails if one that users can meet, in a stack or from util.inspect, has become another.
// Beside each file of a door lies its CommonJS form, .cjs, for tools that cannot require ES modules, and in `types` the
// declarations that such tools read.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { build, transform } from 'esbuild';

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

/** Where a file says where its source map is; only ES modules have one. */
const SOURCE_MAP = /^\/\/# sourceMappingURL=.*$/m;

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
  if (inputs.some((input) => /^build\/src\/(cli|conform|load)\//.test(input))) return [];
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

/** The names of the files that a file of the package loads, itself among them. */
function loadedBy(/** @type {string} */ name, /** @type {Set<string>} */ loaded = new Set()) {
  if (loaded.has(name)) return loaded;
  loaded.add(name);
  const code = String(files.find(({ path }) => basename(path) === name)?.contents);
  for (const [, other] of code.matchAll(/\bfrom "\.\/([^"]+)"/g)) loadedBy(other, loaded);
  return loaded;
}

/** CommonJS of the same cut: what several doors share is one file, so a class is the same behind every door. */
async function commonJs(/** @type {string} */ name) {
  const { text } = /** @type {import('esbuild').OutputFile} */ (
    outputFiles.find(({ path }) => basename(path) === name)
  );
  const { code } = await transform(withoutBareImports(text).replace(SOURCE_MAP, ''), {
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
  });
  // A test runner that cannot require an ES module cannot import one either.
  if (/\bimport\(|\bimport\.meta\b/.test(code))
    throw new Error(`${name} imports at run time: it has no CommonJS form`);
  const known = new Set(namesIn(text).map((each) => each?.replace(/^_/, '')));
  const changed = namesIn(withClassNames(code)).filter((each) => !known.has(each) && !each?.startsWith('__'));
  if (changed.length > 0)
    throw new Error(`${name} has other names in its CommonJS form: ${changed.join(', ')}`);
  return withClassNames(code).replaceAll(/\brequire\("\.\/([^"]+)\.js"\)/g, 'require("./$1.cjs")');
}

/** The declarations of a door and all that they import, as those of CommonJS. By path below `build/src`. */
function commonJsTypes(/** @type {string} */ path, /** @type {Map<string, string>} */ found = new Map()) {
  if (found.has(path)) return found;
  const text = readFileSync(join(root, 'build', 'src', path), 'utf8');
  const specifiers = /(\bfrom |\bimport\()(['"])(\.{1,2}\/[^'"]+)\.ts\2/g;
  found.set(path, text.replaceAll(specifiers, '$1$2$3.cjs$2').replace(SOURCE_MAP, ''));
  for (const [, , , other] of text.matchAll(specifiers))
    commonJsTypes(join(dirname(path), `${other}.d.ts`), found);
  return found;
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const { path, contents } of files) writeFileSync(path, contents);
const loaded = new Set();
const types = new Map();
for (const [door, entry] of Object.entries(DOORS)) {
  if (door === 'cli') continue;
  loadedBy(`${door}.js`, loaded);
  commonJsTypes(relative('build/src', entry).replace(/\.js$/, '.d.ts'), types);
}
for (const name of loaded) writeFileSync(join(folder, name.replace(/\.js$/, '.cjs')), await commonJs(name));
for (const [path, text] of types) {
  const target = join(folder, 'types', path.replace(/\.d\.ts$/, '.d.cts'));
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}
