#!/usr/bin/env bash
# node-versions.sh VERSION FOLDER: installs that Node.js from npm into FOLDER and prints the folder of its program.
set -euo pipefail
version=$1
folder=$2
mkdir -p "$folder"
timeout 180 npm install --silent --no-audit --no-fund --prefix "$folder" "node@$version" >&2
# The package's own program is put in place by an install script, which npm may be told not to run.
for candidate in "$folder"/node_modules/node-*/bin "$folder"/node_modules/node/node_modules/node-*/bin "$folder"/node_modules/node/bin; do
  if [ -x "$candidate/node" ] && [[ $("$candidate/node" --version) == v$version.* ]]; then
    printf '%s\n' "$candidate"
    exit 0
  fi
done
exit 1
