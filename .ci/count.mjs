/**
 * Adds the checks of the demo, and of the legacy corpus where it was there, to the numbers of `npm test`:
 * node .ci/count.mjs <test output> <demo output> <exit code> <corpus output>.
 */
import { existsSync, readFileSync } from 'node:fs';

const [testOutput, demoOutput, demoCode, corpusOutput] = process.argv.slice(2);
const lastLine = (file) => readFileSync(file, 'utf8').trimEnd().split('\n').pop() ?? '';

const counted = /^(\d+) passed, (\d+) failed$/.exec(lastLine(testOutput));
let passed = Number(counted?.[1] ?? 0);
let failed = Number(counted?.[2] ?? 0);

function check(what, holds) {
  console.log(`${holds ? 'ok    ' : 'FAILED'} ${what}`);
  if (holds) passed += 1;
  else failed += 1;
}

function demoReport() {
  try {
    return JSON.parse(lastLine(demoOutput));
  } catch {
    return null;
  }
}

if (existsSync(corpusOutput)) {
  const ofCorpus = /^(\d+) passed, (\d+) failed$/.exec(lastLine(corpusOutput));
  passed += Number(ofCorpus?.[1] ?? 0);
  failed += Number(ofCorpus?.[2] ?? 0);
  if (!ofCorpus) check('the lifting of the legacy corpus ends', false);
}
if (!counted) check('npm test says how many checks passed', false);
const demo = demoReport();
check('the demo ends well', demoCode === '0');
check('its last line is a report', demo !== null);
check('its job has succeeded', demo?.status === 'succeeded');

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
