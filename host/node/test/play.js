// Replays a recording with the login component alone, and prints it: node test/play.js TRANSCRIPT

import { LatchError } from '../src/error.js';
import { replayFile } from './replay.js';

try {
  const found = JSON.stringify(await replayFile(process.argv[2]), undefined, 2);
  // Only printable ASCII and newlines: the text may come from a provider.
  const unicode = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  console.log(found.replace(/[^\n\x20-\x7e]/g, unicode));
} catch (error) {
  if (!(error instanceof LatchError)) throw error;
  console.error(`${error.code}: ${error.message}\nwhat to do: ${error.remedy}`);
  process.exitCode = 1;
}
