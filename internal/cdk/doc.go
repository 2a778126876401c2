// Package cdk is the way to the CDK toolchain: node, the package managers, the
// cdk CLI and the cloud assembly that it writes. It runs user code, so it
// belongs into a runner's process, never into the manager's.
//
// Install brings the dependencies of a checkout, Synth runs the app, and
// ReadAssembly reads what it wrote: stacks, where their templates and assets
// go, and what the app says about them. AWS is not called from here, but by
// the CLI when an app looks something up.
//
// # Where the time goes, and how checks are kept
//
// Of a deployment typed by hand (`npm ci && npx cdk deploy`), unpacking the
// dependencies takes half and the synthesis nearly all of the rest: ts-node
// checks types, and aws-cdk-lib validates the templates, one after the other.
// For testdata/app on two cores (Node.js 20, aws-cdk-lib 2.276.0), in seconds
// by hand: npm ci 10.4, synthesis 16.9. Here: dependencies restored 0.2, then
// the synthesis of a new commit 5.9, of another context of the same commit
// 3.4, of the same again 2.8 (BenchmarkAgainstByHand).
//
//   - Dependencies come from a cache by hard links (see Cache): 10,000 files
//     in a fraction of a second.
//   - Types are checked by the project's own compiler beside the app, which
//     runs with TS_NODE_TRANSPILE_ONLY meanwhile. It sees what ts-node would
//     see, but reads only those modules of aws-cdk-lib that anything mentions
//     (js/typecheck.js says why that hides nothing): half of the time and of
//     the memory. TypeScript's own incremental mode was measured and is of no
//     use: nearly all of the time is parsing and binding declarations, which it does
//     every time.
//   - Templates are validated by aws-cdk-lib's own plugin beside the app, which
//     runs with CDK_VALIDATION=false meanwhile: the rules, which take nearly all
//     of the time whatever the templates, are loaded when those are there.
//   - A check is left out only when the very same was found right before: the
//     types of the same sources with the same dependencies, templates that are
//     the same byte for byte, for the same accounts and regions, with the same
//     aws-cdk-lib. Another region or context of the same commit has the same
//     types and other templates; a commit that only changes a document has
//     the same of both.
//   - `npx tool` in cdk.json starts the project's tool without starting npm
//     first (js/npx.sh).
//
// # What is bundled
//
// Only the assets of the stack that is deployed are bundled: the CLI is given
// its construct path, as `cdk deploy PATH --exclusively` is. A stack may be
// known by another name, or its template may name an asset of another stack;
// the assembly tells, the app is run once more, and the cache remembers it for
// the next time.
//
// # No check is given up
//
// A check beside the app only ever says "clean" or "not sure". Whatever is
// not clean (an error, a warning, a setting of ts-node, a module loaded by a
// computed name, a version of aws-cdk-lib that works otherwise) makes the app
// run once more in the ordinary way, exactly as by hand, and that is the
// verdict and the message that the user gets. When it finds the app right, the
// check stays in the app's own process for a day. So nothing passes here that
// would fail by hand, nothing fails that would pass, and a broken app is told
// of somewhat later than a right one is done.
//
// A project whose types are not checked by hand (precompiled, tsx, ts-node -T)
// is not checked here either: its author decided that.
package cdk
