#!/bin/bash
# Shows the two-minute notice of a spot interruption to all users who are logged in. IMDS returns 404 until there is a
# notice.
set -euo pipefail
FC_ROOT=${FC_ROOT:-}
readonly IMDS=${FC_IMDS:-http://169.254.169.254}/latest
while :; do
  # Each request gets a new token, because curl exits with the same status for the 401 of an expired token and for the
  # 404.
  if token=$(curl -sf -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$IMDS/api/token") &&
    notice=$(curl -sf -m 2 -H "X-aws-ec2-metadata-token: $token" "$IMDS/meta-data/spot/instance-action") &&
    [[ $notice == *'"action"'* ]]; then
    printf 'fargate-connect: interrupted %s\r\n' "$notice" >>"$FC_ROOT/dev/console" || true
    wall "fargate-connect: EC2 interrupts this spot instance within two minutes: $notice" || true
    exec sleep "${FC_AFTER_NOTICE:-600}"
  fi
  sleep "${FC_POLL_SECONDS:-5}"
done
