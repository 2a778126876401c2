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
const parsedFiles = new Map();
const readSourceFile = host.getSourceFile.bind(host);
host.getSourceFile = (name, ...rest) => {
  if (!parsedFiles.has(name)) parsedFiles.set(name, readSourceFile(name, ...rest));
  return parsedFiles.get(name);
};

const library = ts.resolveModuleName('aws-cdk-lib', entry, options, ts.sys).resolvedModule?.resolvedFileName;
const program = slimProgram() ?? ts.createProgram({ rootNames: [entry], options, host });
const isOwn = f => !f.isDeclarationFile && !f.fileName.includes('/node_modules/');
const files = program.getSourceFiles().filter(isOwn);

// The index of aws-cdk-lib exports the modules of all AWS services as
// namespaces (`export * as aws_s3 from './aws-s3'`), so that everything that
// imports the index brings a million lines along. slimProgram leaves out the
// namespaces that no loaded file mentions: half of the work. That hides no
// error, since a namespace cannot be reached without its name, provided that
// the index is used by names only; where it is used otherwise (as a whole,
// re-exported, by computed names), undefined is returned and all is loaded.
// What else is missing then can only make errors, never hide them.
function slimProgram() {
  const index = library && ts.sys.readFile(library);
  const namespaces = new Set([...(index ?? '').matchAll(/^export \* as (aws_\w+|alexa_ask) from /gm)].map(m => m[1]));
  if (namespaces.size === 0 || !/[\\/]aws-cdk-lib[\\/]index\.d\.ts$/.test(library)) return undefined;
  const home = path.dirname(library) + '/';
  const kept = new Set();
  const mention = text => {
    const before = kept.size;
    for (const word of text.match(/\b(aws_\w+|alexa_ask)\b/g) ?? []) if (namespaces.has(word)) kept.add(word);
    return kept.size > before;
  };
  for (const name of parsed.fileNames) mention(ts.sys.readFile(name) ?? '');
  for (let round = 0; round < 4; round++) {
    const text = index.replace(/^export \* as (\w+) from .*$/gm, (line, name) => (namespaces.has(name) && !kept.has(name) ? `export declare namespace ${name} {}` : line));
    const slimHost = { ...host, getSourceFile: (name, version, ...rest) => (name === library ? ts.createSourceFile(name, text, version) : host.getSourceFile(name, version, ...rest)) };
    const candidate = ts.createProgram({ rootNames: [entry], options, host: slimHost });
    let grown = false;
    for (const file of candidate.getSourceFiles()) {
      if (file.fileName === library) continue;
      if (file.fileName.startsWith(home)) {
        // The library's own files do not import the index; should one, load all.
        if (!file.imports || file.imports.some(name => /^aws-cdk-lib$|^(\.\.\/)+(index)?$|^\.\.(\/\.\.)*$/.test(name.text) && leadsHome(file, name.text))) return undefined;
        continue;
      }
      if (!file.text.includes('aws-cdk-lib')) continue;
      grown = mention(file.text) || grown;
      if (!byNameOnly(file)) return undefined;
    }
    if (!grown) return candidate;
  }
  return undefined;

  function leadsHome(file, name) {
    return name === 'aws-cdk-lib' || path.resolve(path.dirname(file.fileName), name.replace(/index$/, '')) + '/' === home;
  }
}

// byNameOnly tells whether a file uses the index of aws-cdk-lib only by the
// names of its members.
function byNameOnly(file) {
  if (!/\.(d\.)?[mc]?tsx?$/.test(file.fileName)) return false;
  const isIndex = node => node && ts.isStringLiteralLike(node) && /^aws-cdk-lib(\/index(\.js)?)?$/.test(node.text);
  const wholes = new Set();
  for (const s of file.statements) {
    if (ts.isExportDeclaration(s) && isIndex(s.moduleSpecifier) && !(s.exportClause && ts.isNamedExports(s.exportClause))) return false;
    if (ts.isImportDeclaration(s) && isIndex(s.moduleSpecifier) && s.importClause) {
      if (s.importClause.name) return false;
      const bindings = s.importClause.namedBindings;
      if (bindings && ts.isNamespaceImport(bindings)) wholes.add(bindings.name.text);
    }
    if (ts.isImportEqualsDeclaration(s) && ts.isExternalModuleReference(s.moduleReference) && isIndex(s.moduleReference.expression)) {
      if (s.modifiers?.length) return false;
      wholes.add(s.name.text);
    }
    if (ts.isModuleDeclaration(s) && isIndex(s.name)) return false;
  }
  return named(file, undefined);

  function named(node, parent) {
    if (ts.isIdentifier(node) && wholes.has(node.text)) {
      const ok = (ts.isPropertyAccessExpression(parent) || ts.isQualifiedName(parent) || ts.isNamespaceImport(parent) || ts.isImportEqualsDeclaration(parent));
      if (!ok) return false;
    }
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && isIndex(node.argument.literal) && !node.qualifier) return false;
    if (ts.isCallExpression(node) && node.arguments.some(isIndex)) return false;
    return !ts.forEachChild(node, child => (named(child, node) ? undefined : true));
  }
}

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
