// What a run of the tests came to, for a reader who sees the first lines only: failures before everything else.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [file, counts] = process.argv.slice(2);
const report = JSON.parse(readFileSync(file, 'utf8'));

if (counts === '--counts') {
  console.log(report.numPassedTests, report.numFailedTests, report.numPendingTests);
  process.exit(0);
}

const name = (suite) => relative(process.cwd(), suite.name);
const brief = (text) => text.replaceAll(/\u001B\[[\d;]*m/g, '').split('\n').slice(0, 6).join(' | ').slice(0, 700);
for (const suite of report.testResults) {
  const failed = suite.assertionResults.filter((test) => test.status === 'failed');
  if (suite.status === 'failed' && failed.length === 0) console.log(`   failed: ${name(suite)}: ${brief(suite.message)}`);
  for (const test of failed) console.log(`   failed: ${name(suite)}: ${test.fullName}: ${brief(test.failureMessages.join(' ; '))}`);
}
for (const suite of report.testResults)
  for (const test of suite.assertionResults)
    if (!['passed', 'failed'].includes(test.status)) console.log(`   ${test.status}: ${test.fullName}`);
