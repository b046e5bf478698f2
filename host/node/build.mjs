// Turns the components into JavaScript: `npm run build`.
//
// Reads `component/login.wasm` and `component/rules.wasm`, as `latch component --output` and
// `latch component --rules --output` write them, or the files that LATCHSTRING_COMPONENT and
// LATCHSTRING_RULES name.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { transpileBytes } from '@bytecodealliance/jco-transpile';

const folder = fileURLToPath(new URL('component', import.meta.url));
const components = [
  { name: 'login', variable: 'LATCHSTRING_COMPONENT', command: 'latch component' },
  { name: 'rules', variable: 'LATCHSTRING_RULES', command: 'latch component --rules' },
];
for (const { name, variable, command } of components) {
  const source = process.env[variable] || `${folder}/${name}.wasm`;
  const bytes = await readFile(source).catch((error) => {
    console.error(`build: cannot read the component ${source}: ${error.code}`);
    console.error(`build: write it with: ${command} --output FILE, and set ${variable}=FILE`);
    process.exit(1);
  });
  const { files, imports } = await transpileBytes(bytes, {
    name,
    // Every session gets its own instance.
    instantiation: 'async',
    outDir: folder,
    wasiShim: false,
    // A failure is thrown as the record of the contract.
    noComponentErrorWrapping: true,
  });
  if (imports.length > 0) {
    const found = imports.join(', ');
    console.error(`build: the component imports ${found}; expected it to import nothing`);
    process.exit(1);
  }
  for (const [path, content] of Object.entries({ ...files, [`${folder}/${name}.wasm`]: bytes })) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}
