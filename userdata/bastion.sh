#!/bin/bash
# Runs once, as root, at the first boot of a bastion (Amazon Linux 2023, arm64 and x86_64).
# src/provision/bastion/user-data.ts inserts the parameters, quoted for the shell, and the embedded files.
# The result is printed on the console, where `up` reads it: "fargate-connect: ready" or "fargate-connect: FAILED
# <reason>".
set -Eeuo pipefail
umask 022

# Until the timers of the lease run, this scheduled shutdown terminates the instance even if a later step fails or
# hangs: the launch template makes EC2 terminate an instance that shuts down.
shutdown -h +15 || true

FC_BASTION='default'
FC_REGION=''
FC_CLUSTER=''
FC_EXPIRES_AT='0'
FC_IDLE_MINUTES='30'
#@if dual-stack
FC_DUAL_STACK='api.aws'
#@end
#@parameters

# Prefix of every path to which this script writes; set only by tests.
FC_ROOT=${FC_ROOT:-}
readonly BIN="$FC_ROOT/usr/local/bin"
readonly LIBEXEC="$FC_ROOT/usr/local/libexec/fargate-connect"
readonly ETC="$FC_ROOT/etc/fargate-connect"
readonly UNITS="$FC_ROOT/etc/systemd/system"
readonly CONSOLE="$FC_ROOT/dev/console"
# No attempt begins after this many seconds, and the longest one takes 90: `up` waits five minutes for the result,
# counted from the launch.
readonly DEADLINE=150

say() {
  printf 'fargate-connect: %s\n' "$*"
  printf 'fargate-connect: %s\r\n' "$*" >>"$CONSOLE" 2>/dev/null || true
}

fail() {
  trap - ERR
  say "FAILED $*"
  exit 1
}

# Runs a command, which must have a time limit of its own, until it succeeds: retry TRIES COMMAND...
retry() {
  local tries=$1 try
  shift
  for ((try = 1; try <= tries; try++)); do
    ((SECONDS < DEADLINE)) || fail "no time left for: $*"
    if "$@"; then return 0; fi
    ((try == tries)) || sleep "$((try * ${FC_RETRY_SECONDS:-3}))"
  done
  return 1
}

# The lease is installed first: the instance must terminate itself even if everything after it fails.
install_lease() {
  mkdir -p "$BIN" "$LIBEXEC" "$ETC" "$UNITS"
  printf 'FC_BASTION=%q\nFC_EXPIRES_AT=%q\nFC_IDLE_MINUTES=%q\n' "$FC_BASTION" "$FC_EXPIRES_AT" "$FC_IDLE_MINUTES" >"$ETC/lease.conf"
  cat >"$LIBEXEC/lease.sh" <<'END_OF_LEASE'
#@embed lease.sh
END_OF_LEASE
  cat >"$LIBEXEC/interruption.sh" <<'END_OF_INTERRUPTION'
#@embed interruption.sh
END_OF_INTERRUPTION
  chmod 755 "$LIBEXEC/lease.sh" "$LIBEXEC/interruption.sh"
  cat >"$UNITS/fargate-connect-lease.service" <<END_OF_UNIT
[Unit]
Description=fargate-connect: end this bastion at its time, or when idle
[Service]
Type=oneshot
TimeoutStartSec=45
ExecStart=$LIBEXEC/lease.sh
END_OF_UNIT
  cat >"$UNITS/fargate-connect-lease.timer" <<'END_OF_UNIT'
[Unit]
Description=fargate-connect: check the lease every minute
[Timer]
OnBootSec=60
OnUnitActiveSec=60
AccuracySec=5
[Install]
WantedBy=timers.target
END_OF_UNIT
  cat >"$UNITS/fargate-connect-interruption.service" <<END_OF_UNIT
[Unit]
Description=fargate-connect: pass on the two-minute notice of a spot interruption
[Service]
ExecStart=$LIBEXEC/interruption.sh
Restart=always
RestartSec=5
[Install]
WantedBy=multi-user.target
END_OF_UNIT
  systemctl daemon-reload
  systemctl enable --now fargate-connect-lease.timer fargate-connect-interruption.service
  systemctl is-active --quiet fargate-connect-lease.timer
  shutdown -c
}

start_agent() {
  retry 3 timeout 60 systemctl enable --now amazon-ssm-agent.service || fail "amazon-ssm-agent does not start (is this a minimal image?)"
}

#@if ipv6
# Makes the units read instance metadata over IPv6. The image has started the agent already; it reads the new settings
# when it is restarted.
prefer_ipv6() {
  systemctl set-environment AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6 'FC_IMDS=http://[fd00:ec2::254]' || true
  timeout 60 systemctl stop amazon-ssm-agent.service || true
}

#@end
#@if dual-stack
# The agent does not use dual-stack names by default, but every version reads them from this file; AWS's
# ecs-anywhere-install.sh writes them too.
name_endpoints() {
  local base=".$FC_REGION.$FC_DUAL_STACK"
  mkdir -p "$FC_ROOT/etc/amazon/ssm"
  cat >"$FC_ROOT/etc/amazon/ssm/amazon-ssm-agent.json" <<END_OF_CONFIG
{
  "Ssm": { "Endpoint": "https://ssm$base" },
  "Mgs": { "Endpoint": "https://ssmmessages$base" },
  "Mds": { "Endpoint": "https://ec2messages$base" },
  "Kms": { "Endpoint": "https://kms$base" }
}
END_OF_CONFIG
}

#@end
# If IAM denies an action to the agent, the agent writes that into its log and does not try again for half an hour;
# meanwhile it is offline. Parts of AWS do not know a new role for some seconds, so a denial counts only if it is
# repeated after restarts. Denials of actions that the agent does not need are ignored.
check_agent() {
  local log="$FC_ROOT/var/log/amazon/ssm/amazon-ssm-agent.log" seen=0 start i news refused=''
  for start in 1 2 3; do
    for ((i = 0; i < 10; i++)); do
      news=$(tail -c "+$((seen + 1))" "$log" 2>/dev/null) || news=''
      if [[ $news == *'Set up control channel successfully'* ]]; then return; fi
      refused=$(sed -nE 's/.*(User: [^ ]+ is not authorized to perform: (ssm:UpdateInstanceInformation|ssmmessages:[A-Za-z]+)|EC2 cannot assume the role [^ ]*[^ .]).*/\1/p' <<<"$news" | tail -n 1)
      if [[ -z $refused && $news == *'Failed to dial websocket, status: 403'* ]]; then
        refused='not authorized to perform: ssmmessages:OpenControlChannel'
      fi
      sleep "${FC_RETRY_SECONDS:-1}"
    done
    # An agent without a denial in its log is only slow: `up` continues to wait for it.
    if [[ -z $refused ]]; then return; fi
    if ((start < 3)); then
      seen=$(wc -c <"$log")
      systemctl restart amazon-ssm-agent.service
    fi
  done
  fail "agent refused: $refused"
}

# `up` uses the newest image, which may be days old. Newer security updates are installed ten minutes after the boot and
# then daily, if S3 can be reached. The agent and the kernel are not updated: updating the agent would end its sessions,
# and a new kernel needs a reboot.
install_updates() {
  cat >"$UNITS/fargate-connect-updates.service" <<'END_OF_UNIT'
[Unit]
Description=fargate-connect: security updates
[Service]
Type=oneshot
TimeoutStartSec=1800
Nice=19
IOSchedulingClass=idle
OOMScoreAdjust=1000
ExecStart=/usr/bin/dnf --assumeyes --quiet --releasever=latest --security --exclude=amazon-ssm-agent --exclude=kernel* upgrade
END_OF_UNIT
  cat >"$UNITS/fargate-connect-updates.timer" <<'END_OF_UNIT'
[Unit]
Description=fargate-connect: security updates ten minutes after the boot, then daily
[Timer]
OnBootSec=600
OnUnitActiveSec=86400
[Install]
WantedBy=timers.target
END_OF_UNIT
  systemctl daemon-reload
  systemctl enable --now fargate-connect-updates.timer
}

#@if install
readonly PLUGIN_VERSION=1.2.896.0
readonly SIGNER=7959637124CE093AD501D47A2C4D4AFF6F6757EE

download() {
  curl --fail --silent --show-error --location --proto '=https' --tlsv1.2 \
    --connect-timeout 10 --max-time 60 --output "$2" "$1"
}

install_cli() {
  if command -v aws >/dev/null; then return; fi
  say "installing the AWS CLI"
  retry 3 timeout 90 dnf --assumeyes --quiet install awscli-2 || fail "the AWS CLI could not be installed with dnf"
}

install_plugin() {
  if command -v session-manager-plugin >/dev/null; then return; fi
  local folder base work
  case $(uname -m) in
    aarch64 | arm64) folder=linux_arm64 ;;
    x86_64) folder=linux_64bit ;;
    *) fail "no session-manager-plugin for $(uname -m)" ;;
  esac
  base=https://s3.amazonaws.com/session-manager-downloads/plugin/$PLUGIN_VERSION/$folder/session-manager-plugin.rpm
  work=$(mktemp -d)
  say "installing session-manager-plugin $PLUGIN_VERSION ($folder)"
  retry 4 download "$base" "$work/plugin.rpm" || fail "download of $base failed: is S3 reachable from this subnet?"
  retry 4 download "$base.sig" "$work/plugin.rpm.sig" || fail "download of $base.sig failed"
  verify_plugin "$work" || fail "the signature of $base is not good: not installed"
  retry 2 timeout 60 rpm --upgrade --quiet "$work/plugin.rpm" || fail "rpm refused session-manager-plugin"
  rm -rf "$work"
  command -v session-manager-plugin >/dev/null || fail "session-manager-plugin is not on PATH after its installation"
}

# The key is pinned twice, by its content and by its fingerprint; a valid signature of any other key is refused.
verify_plugin() {
  local work=$1
  install -d -m 700 "$work/gnupg"
  cat >"$work/key.asc" <<'END_OF_KEY'
#@embed session-manager-plugin-signing-key.asc
END_OF_KEY
  timeout 30 gpg --homedir "$work/gnupg" --batch --quiet --import "$work/key.asc" || return 1
  timeout 30 gpg --homedir "$work/gnupg" --batch --status-fd 1 \
    --verify "$work/plugin.rpm.sig" "$work/plugin.rpm" >"$work/status" || return 1
  grep -q "^\[GNUPG:\] VALIDSIG $SIGNER " "$work/status"
}

install_ecs_connect() {
  {
    printf '#!/bin/bash\nFC_CLUSTER=%q\nexport AWS_REGION=%q\n' "$FC_CLUSTER" "$FC_REGION"
#@if ipv6
    printf 'export AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6\n'
#@end
    cat <<'END_OF_ECS_CONNECT'
#@embed ecs_connect.sh
END_OF_ECS_CONNECT
  } >"$BIN/ecs_connect.sh"
  chmod 755 "$BIN/ecs_connect.sh"
  mkdir -p "$FC_ROOT/home"
  ln -sfn ../usr/local/bin/ecs_connect.sh "$FC_ROOT/home/ecs_connect.sh"
}

#@end
mkdir -p "$FC_ROOT/dev"
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
say "preparing bastion $FC_BASTION"
#@if ipv6
prefer_ipv6
#@end
install_lease
#@if dual-stack
name_endpoints
#@end
start_agent
#@if install
install_cli
install_plugin
install_ecs_connect
#@end
install_updates
check_agent
say "ready"
