// What a run of the tests came to, for a reader who sees the first lines only: failures before everything else.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [file, what] = process.argv.slice(2);
const report = JSON.parse(readFileSync(file, 'utf8'));
const say = (line) => process.stdout.write(`${line}\n`);
const sayOf = (label, suite, text) => say(`   ${label}: ${relative(process.cwd(), suite.name)}: ${text}`);
const brief = (text) =>
  text
    .replaceAll(/\u001B\[[\d;]*m/g, '')
    .split('\n')
    .slice(0, 6)
    .join(' | ')
    .slice(0, 700);

if (what === '--counts') say(`${report.numPassedTests} ${report.numFailedTests} ${report.numPendingTests}`);
else {
  for (const suite of report.testResults) {
    const failed = suite.assertionResults.filter((test) => test.status === 'failed');
    if (suite.status === 'failed' && failed.length === 0) sayOf('failed', suite, brief(suite.message));
    for (const test of failed)
      sayOf('failed', suite, `${test.fullName}: ${brief(test.failureMessages.join(' ; '))}`);
  }
  for (const suite of report.testResults)
    for (const test of suite.assertionResults)
      if (!['passed', 'failed'].includes(test.status)) say(`   ${test.status}: ${test.fullName}`);
}
