// Turns the component into JavaScript: `npm run build`.
//
// The component is `component/login.wasm`, as `latch component --output` writes it,
// or what LATCHSTRING_COMPONENT names.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { transpileBytes } from '@bytecodealliance/jco-transpile';

const folder = fileURLToPath(new URL('component', import.meta.url));
const source = process.env.LATCHSTRING_COMPONENT || `${folder}/login.wasm`;
const bytes = await readFile(source).catch((error) => {
  console.error(`build: cannot read the component ${source}: ${error.code}`);
  console.error('build: write it with: latch component --output FILE, and set LATCHSTRING_COMPONENT=FILE');
  process.exit(1);
});
const { files, imports } = await transpileBytes(bytes, {
  name: 'login',
  // Every session gets an instance of its own.
  instantiation: 'async',
  outDir: folder,
  wasiShim: false,
  // A failure is thrown as the record that it is.
  noComponentErrorWrapping: true,
});
// The promise that this host relies on: there is nothing to supply, so nothing is.
if (imports.length > 0) {
  console.error(`build: the component imports ${imports.join(', ')}; expected it to import nothing`);
  process.exit(1);
}
for (const [path, content] of Object.entries({ ...files, [`${folder}/login.wasm`]: bytes })) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
