#!/bin/bash
# Terminates the instance at the end of its lease, or after N minutes without a Session Manager session. Runs every
# minute.
# A shutdown is enough, because the launch template makes EC2 terminate an instance that shuts down.
set -euo pipefail
FC_ROOT=${FC_ROOT:-}
FC_BASTION=default
FC_EXPIRES_AT=0
FC_IDLE_MINUTES=0
# shellcheck source=/dev/null
. "$FC_ROOT/etc/fargate-connect/lease.conf"
readonly IDLE_FILE="$FC_ROOT/run/fargate-connect/idle-minutes"
readonly IMDS=${FC_IMDS:-http://169.254.169.254}/latest

end() {
  printf 'fargate-connect: ending: %s\r\n' "$*" >>"$FC_ROOT/dev/console" || true
  wall "fargate-connect: this bastion ends now: $*" || true
  exec shutdown -h now
}

# `up --ttl` extends a lease by changing the tag of the instance. If the tag cannot be read, the end that was set at
# boot holds.
expires_at() {
  local token iso
  if token=$(curl -sf -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$IMDS/api/token") &&
    iso=$(curl -sf -m 2 -H "X-aws-ec2-metadata-token: $token" "$IMDS/meta-data/tags/instance/fargate-connect:expires-at") &&
    [[ $iso =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$ ]] && date -u -d "$iso" +%s 2>/dev/null; then
    return
  fi
  printf '%s\n' "$FC_EXPIRES_AT"
}

now=$(date +%s)
end_at=$(expires_at)
if ((now >= end_at)); then end "its lease is over"; fi
if ((end_at - now <= 300)); then
  wall "fargate-connect: this bastion ends in $(((end_at - now + 59) / 60)) min; extend it with: fargate-connect up --name $FC_BASTION --ttl 1h" || true
fi

mkdir -p "${IDLE_FILE%/*}"
idle=0
if ! pgrep -f '^/usr/bin/ssm-session-worker ' >/dev/null; then
  idle=$(cat "$IDLE_FILE" 2>/dev/null || echo 0)
  if ! [[ $idle =~ ^[0-9]+$ ]]; then idle=0; fi
  idle=$((idle + 1))
fi
echo "$idle" >"$IDLE_FILE"
if ((FC_IDLE_MINUTES > 0 && idle >= FC_IDLE_MINUTES)); then end "no session for $idle minutes"; fi

# An agent that was denied at its first start tries again only after half an hour; a restart makes it try at once.
log="$FC_ROOT/var/log/amazon/ssm/errors.log"
if ((idle > 0 && idle <= 5)) && tail -n 3 "$log" 2>/dev/null | grep -q AccessDenied; then
  systemctl restart amazon-ssm-agent.service || true
fi
