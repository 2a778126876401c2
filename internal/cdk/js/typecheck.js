// Checks the types of a CDK app as ts-node would when it runs the app: the
// entry point and all that it imports, with the options that ts-node sets.
// Usage: node typecheck.js <result file> <project folder> <entry point>
// The result is {"clean": bool, "why": string}; anything that ts-node might
// judge differently is not clean, with the reason in "why".
'use strict';
const fs = require('fs');
const path = require('path');

const [, , resultFile, project, entry] = process.argv;

function finish(clean, why) {
  fs.writeFileSync(resultFile, JSON.stringify({ clean, why: String(why ?? '').slice(0, 20000) }));
  process.exit(0);
}

const ts = require(require.resolve('typescript', { paths: [path.dirname(entry)] }));
const configFile = ts.findConfigFile(path.dirname(entry), ts.sys.fileExists);
if (!configFile) finish(false, 'there is no tsconfig.json');

const source = ts.readJsonConfigFile(configFile, ts.sys.readFile);
const parsed = ts.parseJsonSourceFileConfigFileContent(source, ts.sys, path.dirname(configFile), undefined, configFile);
for (const file of [configFile, ...(source.extendedSourceFiles ?? [])]) {
  const settings = ts.readConfigFile(file, ts.sys.readFile).config?.['ts-node'];
  if (settings) finish(false, `${file} has settings for ts-node`);
}

// ts-node: fixConfig() of its configuration.ts.
const options = { ...parsed.options };
for (const name of ['out', 'outFile', 'composite', 'declarationDir', 'declarationMap', 'emitDeclarationOnly',
  'incremental', 'tsBuildInfoFile', 'inlineSourceMap', 'isolatedDeclarations']) delete options[name];
Object.assign(options, { sourceMap: true, inlineSources: true, declaration: false, noEmit: true });
// ts-node never looks into declaration files for errors of their own.
options.skipLibCheck = true;

const host = ts.createCompilerHost(options);
if (ts.JSDocParsingMode) host.jsDocParsingMode = ts.JSDocParsingMode.ParseForTypeErrors;
const program = ts.createProgram({ rootNames: [entry], options, host });
const files = program.getSourceFiles().filter(f => !f.isDeclarationFile && !f.fileName.includes('/node_modules/'));

// What is loaded by a computed name is checked by ts-node when it is loaded,
// and cannot be seen from here.
function computed(node) {
  if (ts.isCallExpression(node)) {
    const callee = node.expression;
    const loads = callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require')
      || (ts.isIdentifier(callee) && callee.text === 'createRequire') || (ts.isPropertyAccessExpression(callee) && callee.name.text === 'createRequire');
    const name = node.arguments[0];
    const literal = name && ts.isStringLiteralLike(name);
    const dynamicImport = callee.kind === ts.SyntaxKind.ImportKeyword;
    if (loads && !(literal && (dynamicImport || !/^[./]/.test(name.text)))) return true;
  }
  return ts.forEachChild(node, child => computed(child) || undefined) ?? false;
}
for (const file of files) if (computed(file)) finish(false, `${file.fileName} loads a module by a computed name`);

// Codes that ts-node ignores too.
const ignored = new Set([6059, 18002, 18003]);
const found = [...parsed.errors];
for (const file of files) found.push(...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file));
const errors = found.filter(d => d.category === ts.DiagnosticCategory.Error && !ignored.has(d.code));
finish(errors.length === 0, ts.formatDiagnostics(errors, {
  getCanonicalFileName: name => name, getCurrentDirectory: () => project, getNewLine: () => '\n',
}));
