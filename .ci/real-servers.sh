#!/usr/bin/env bash
# Installs the Debian programs that some tests use as they are (shells of small images, servers behind a forward), where
# apt-get and root are at hand. Starts none of them. Never fails: prints one line that says what there is.
set -uo pipefail
packages=(busybox mksh redis-server mariadb-server postgresql memcached faketime)
is_installed() { dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

missing=()
if command -v dpkg-query >/dev/null; then
  for name in "${packages[@]}"; do is_installed "$name" || missing+=("$name"); done
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "real servers: not installed, this machine has no apt-get"
elif [ ${#missing[@]} -eq 0 ]; then
  echo "real servers: all installed already (${packages[*]})"
elif [ "$(id -u)" -ne 0 ]; then
  echo "real servers: not installed, apt-get needs root: ${missing[*]}"
else
  # Debian asks this program before a package starts its service; 101 is "no". One of the machine's own stays as it is.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  install() { timeout 150 apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null 2>&1; }
  install || { timeout 45 apt-get update -q >/dev/null 2>&1 && install; }
  left=()
  for name in "${missing[@]}"; do is_installed "$name" || left+=("$name"); done
  if [ ${#left[@]} -eq 0 ]; then
    echo "real servers: installed ${missing[*]}"
  else
    echo "real servers: apt-get could not install ${left[*]}; tests that need them say so"
  fi
fi
exit 0
