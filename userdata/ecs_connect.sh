#!/bin/bash
# ecs_connect.sh SERVICE [CONTAINER] [COMMAND...]: a shell, or a command, in a container of a running task of the
# service.
# FC_CLUSTER and AWS_REGION are set above this line when it is installed.
set -euo pipefail
readonly SHELL_COMMAND=/bin/sh

problem() {
  local status=$1
  shift
  printf 'ecs_connect.sh: %s\n' "$@" >&2
  exit "$status"
}

if (($# < 1)) || [[ $1 == -* ]]; then
  problem 2 'usage: ecs_connect.sh SERVICE [CONTAINER] [COMMAND...]'
fi
service=$1
wanted=${2:-}
shift
(($# == 0)) || shift
# ECS accepts the command as one string.
command=${*:-$SHELL_COMMAND}
cluster=${FC_CLUSTER:-}
[[ -n $cluster ]] || problem 2 'no cluster: this bastion was created without one (--tunnel-only)'
for program in aws session-manager-plugin; do
  command -v "$program" >/dev/null || problem 1 "$program is not installed here"
done

work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# Exits with 4 if stdin names an action that IAM denied; only the text of AWS's error names the action.
stop_if_refused() {
  local action with=''
  action=$(sed -nE 's/.* is not authorized to perform: ([a-z0-9-]+:[A-Za-z]+).*/\1/p' | tail -n 1)
  if [[ -z $action ]]; then return; fi
  if [[ $action == kms:* ]]; then with=' --session-key ARN'; fi
  problem 4 "the bastion's role may not call $action: fargate-connect policy bastion --cluster $cluster$with grants it"
}

# Runs aws with its own streams and exit status, but ends this script if IAM denied an action.
call() {
  local status=0
  { (trap - INT && exec aws "$@") 2>&1 >&3 3>&- | tee "$work/words" >&2 3>&-; } 3>&1 || status=$?
  if ((status != 0)); then stop_if_refused <"$work/words"; fi
  return "$status"
}

ecs() { call ecs "$@" --cluster "$cluster" --output text; }

# `--output text` prints None for an absent value.
words() { tr '\t' '\n' | { grep -vx -e None -e '' || true; }; }

if ! ecs list-tasks --service-name "$service" --desired-status RUNNING --query 'taskArns[]' >"$work/tasks"; then
  ecs list-services --query 'serviceArns[]' >"$work/services" || true
  services=$(words <"$work/services" | sed 's|.*/||' | sort | tr '\n' ' ')
  problem 3 "service $service cannot be read in cluster $cluster" "services there: ${services:-none}"
fi
mapfile -t tasks < <(words <"$work/tasks")
((${#tasks[@]} > 0)) || problem 3 "service $service in cluster $cluster has no running task"

# One row for each container: name, its status, the status of its exec agent.
containers_of() {
  ecs describe-tasks --tasks "$1" \
    --query "tasks[0].containers[].[name,lastStatus,managedAgents[?name=='ExecuteCommandAgent']|[0].lastStatus]"
}

# Asks only on a terminal, and only if there is more than one container.
choose() {
  local names=("$@") answer
  if ((${#names[@]} == 1)); then
    printf '%s\n' "${names[0]}"
    return
  fi
  if [[ ! -t 0 || ! -t 2 ]]; then
    problem 2 "service $service has several containers: ${names[*]}" "say which: ecs_connect.sh $service CONTAINER"
  fi
  PS3='container, by its number: '
  select answer in "${names[@]}"; do
    if [[ -n $answer ]]; then break; fi
  done
  [[ -n ${answer:-} ]] || problem 130 'nothing chosen'
  printf '%s\n' "$answer"
}

# The plugin exits when its input ends, even if the command still has output. /dev/null ends at once, so this function
# replaces it by a pipe that stays open.
hold_input() {
  if [[ ! /dev/stdin -ef /dev/null ]]; then return; fi
  mkfifo "$work/input"
  exec 0<>"$work/input"
}

# If IAM denies the session key, the plugin writes that at the end of stdout and exits with 0. On a terminal the person
# reads it, so only other outputs are searched.
run_session() {
  # The plugin passes these keys on to the session; they must not stop this script.
  trap '' INT QUIT TSTP
  if [[ -t 1 ]]; then
    call "$@"
    return
  fi
  mkfifo "$work/stdout"
  tail -c 4096 "$work/stdout" >"$work/end" &
  call "$@" | tee "$work/stdout"
  wait
  sed -n '/^SessionId: .* : /,${/kms:GenerateDataKey/p}' "$work/end" | stop_if_refused
}

seen=()
why=()
for task in "${tasks[@]}"; do
  names=()
  states=()
  agents=()
  containers_of "$task" >"$work/containers" || problem 1 "task ${task##*/} cannot be read"
  while IFS=$'\t' read -r name state agent; do
    if [[ -z $name || $name == None ]]; then continue; fi
    names+=("$name")
    states+=("$state")
    agents+=("$agent")
  done <"$work/containers"
  if ((${#names[@]} == 0)); then continue; fi
  seen=("${names[@]}")
  if [[ -z $wanted ]]; then wanted=$(choose "${names[@]}") || exit; fi
  for i in "${!names[@]}"; do
    # The whole name is compared, so that app does not match my-app.
    if [[ ${names[i]} != "$wanted" ]]; then continue; fi
    if [[ ${states[i]} == RUNNING && ${agents[i]} == RUNNING ]]; then
      printf 'ecs_connect.sh: task %s, container %s\n' "${task##*/}" "$wanted" >&2
      hold_input
      run_session ecs execute-command --cluster "$cluster" --task "$task" --container "$wanted" \
        --interactive --command "$command"
      exit
    fi
    why+=("task ${task##*/}: container ${states[i]}, exec agent ${agents[i]/None/absent (exec is off for this task)}")
  done
done

((${#why[@]} > 0)) || problem 3 "no container $wanted in service $service" "containers there: ${seen[*]:-none}"
problem 1 "no exec agent runs in container $wanted of service $service" "${why[@]}"
