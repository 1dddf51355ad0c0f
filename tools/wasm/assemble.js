// Assembles simd.wat and writes its bytes as base64 into src/protocol/simd.ts: node tools/wasm/assemble.js
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import assembler from 'wabt';

const target = join(import.meta.dirname, '..', '..', 'src', 'protocol', 'simd.ts');
const wabt = await assembler();
const source = readFileSync(join(import.meta.dirname, 'simd.wat'), 'utf8');
const module = wabt.parseWat('simd.wat', source, { simd: true });
module.validate();
const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64');
const lines = base64.match(/.{1,100}/g).map((line) => `  '${line}'`);
const text = readFileSync(target, 'utf8').replace(
  /const MODULE =\n[^;]*;/,
  `const MODULE =\n${lines.join(' +\n')};`,
);
writeFileSync(target, text);
process.stdout.write(`${Buffer.from(base64, 'base64').length} bytes\n`);
