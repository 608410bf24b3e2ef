/** Adds the demo's checks to the numbers of `npm test`: node .ci/count.mjs <test output> <demo output> <exit code>. */
import { readFileSync } from 'node:fs';

const [testOutput, demoOutput, demoCode] = process.argv.slice(2);
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

if (!counted) check('npm test says how many checks passed', false);
const demo = demoReport();
check('the demo ends well', demoCode === '0');
check('its last line is a report', demo !== null);
check('its job has succeeded', demo?.status === 'succeeded');

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
