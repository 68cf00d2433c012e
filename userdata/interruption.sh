#!/bin/bash
# Passes the two-minute notice of a spot interruption on to whoever works here. IMDS answers 404 until there is one.
set -euo pipefail
FC_ROOT=${FC_ROOT:-}
readonly IMDS=${FC_IMDS:-http://169.254.169.254}/latest
while :; do
  # A token for each look: to curl, the 401 that an outdated one gets is the same as the 404.
  if token=$(curl -sf -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$IMDS/api/token") &&
    notice=$(curl -sf -m 2 -H "X-aws-ec2-metadata-token: $token" "$IMDS/meta-data/spot/instance-action") &&
    [[ $notice == *'"action"'* ]]; then
    printf 'fargate-connect: interrupted %s\r\n' "$notice" >>"$FC_ROOT/dev/console" || true
    wall "fargate-connect: AWS takes this spot instance back within two minutes: $notice" || true
    exec sleep "${FC_AFTER_NOTICE:-600}"
  fi
  sleep "${FC_POLL_SECONDS:-5}"
done
