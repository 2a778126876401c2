// Runs the template validation that is built into aws-cdk-lib, in a process
// of its own, so that it may be warmed up while the app is synthesised.
// Usage: node validate.js <result file> <plugin file>, the job on standard input:
// [{"stackConstructPath": …, "templatePath": …, "accountId": …, "region": …}]
// The result is {"clean": bool, "why": string}. Clean is only a report with
// nothing in it: then no setting of the app could have made it fail.
'use strict';
const fs = require('fs');

const [, , resultFile, pluginFile] = process.argv;

function finish(clean, why) {
  fs.writeFileSync(resultFile, JSON.stringify({ clean, why: String(why ?? '').slice(0, 20000) }));
  process.exit(0);
}

// Nearly all of the time goes into loading rules, once: code of the baseline
// compiler is there sooner than what the optimising one would make of it.
require('v8').setFlagsFromString('--liftoff-only');
const { CloudFormationValidatePlugin } = require(pluginFile);
const plugin = new CloudFormationValidatePlugin();
// Rules are loaded for the resource types that occur. Those are not known
// yet: load the rules of all types, which does not change what a rule says.
// A version of aws-cdk-lib without this method warms up when it validates.
if (typeof plugin.initializeEngine === 'function') {
  try {
    plugin.initializeEngine({ has: () => true, [Symbol.iterator]: function* () {} });
  } catch (e) {
    finish(false, e);
  }
}

const stackTemplates = JSON.parse(fs.readFileSync(0, 'utf8'));
if (stackTemplates.length === 0) finish(true);
const only = name => {
  const values = new Set(stackTemplates.map(s => s[name]));
  return values.size === 1 ? [...values][0] : undefined;
};
try {
  const report = plugin.validate({
    templatePaths: stackTemplates.map(s => s.templatePath), stackTemplates,
    accountId: only('accountId'), region: only('region'),
  });
  finish(report.success && report.violations.length === 0, report.violations.map(v => `${v.ruleName}: ${v.description}`).join('\n'));
} catch (e) {
  finish(false, e);
}
