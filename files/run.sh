#!/usr/bin/env bash
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Brings a host to what TRADING_ACTION asks for (start, stop, status), and says in a last line of JSON what became of it.
# With TRADING_CHECK=true it changes nothing: `changed` and `commit` say what would be, `services` how they are.
# However often it runs, and were it twice at once, it leaves one of each service; what did not change keeps running.
# It sets services up as systemd units where systemd runs, else it supervises them by itself.
{ set +x; } 2>/dev/null # nobody traces a program that holds a credential
set -Eeuo pipefail
umask 022

ACTION=${TRADING_ACTION:-start}
CHECK=${TRADING_CHECK:-false}
TRADING_HOME=${TRADING_HOME:-/home/ec2-user}
TRADING_USER=${TRADING_USER:-ec2-user}
TRADING_PYTHON=${TRADING_PYTHON:-python3.12}
ROLE=${TRADING_ROLE:-}
REPOSITORY=${TRADING_REPOSITORY:-https://github.com/kayvonavishan/algo-modeling-v2.git}
REF=${TRADING_GIT_REF:-}
SECRET_ID=${TRADING_SECRET_ID:-github/ssh-key}
NATS_ADDRESS=${TRADING_NATS_ADDRESS:-}
NATS_AUTH=${TRADING_NATS_AUTH:-none}
NATS_SECRET_ID=${TRADING_NATS_SECRET_ID:-}
NATS_SERVER=${TRADING_NATS_SERVER:-nats-server}
NATS_MONITOR=${TRADING_NATS_MONITOR_ADDRESS:-127.0.0.1}:8222
FEED=${TRADING_FEED_COMMAND:-$(printf %q "$TRADING_PYTHON") deployment/alpaca_ingestion.py}
TRADER=${TRADING_TRADER_COMMAND:-$(printf %q "$TRADING_PYTHON") deployment/live_trader.py}
DASHBOARD=${TRADING_DASHBOARD_COMMAND:-streamlit run deployment/monitoring/live_model_dashboard.py --server.port 8501 --server.headless true}
UPLOAD_SECONDS=${TRADING_UPLOAD_SECONDS:-900}
SETTLE_SECONDS=${TRADING_SETTLE_SECONDS:-20}
LOG_BYTES=${TRADING_LOG_BYTES:-10485760}
DEADLINE=${TRADING_DEADLINE:-}
METADATA=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
# Where unit files go; empty where systemd does not run, or where this is not root's to decide.
if [ -z "${TRADING_UNIT_FOLDER+set}" ] && [ -d /run/systemd/system ] && [ "$EUID" = 0 ]; then
  TRADING_UNIT_FOLDER=/etc/systemd/system
fi
UNITS=${TRADING_UNIT_FOLDER:-}
LOCK_SECONDS=300
GIT_SECONDS=240

RUN=$TRADING_HOME/run
LOGS=$TRADING_HOME/logs
RELEASES=$TRADING_HOME/releases
LINK=$TRADING_HOME/algo-modeling-v2
CONFIG=$TRADING_HOME/deployment_config.txt
# What lies here is for this run only. In check mode, $RUN may not be there, and is left as it is.
SCRATCH=$RUN

# What this run finds out. A name that the caller exported would be exported again, hence the unset.
unset credential metadata_token NATS_TOKEN
credential='' metadata_token='' ADDRESS='' COMMIT='' TOKEN_VERSION='' ERROR='' CHANGED=false
SEEN=''            # what status alone tells, as JSON
SERVICES=()        # in the order of their start
declare -A SETTINGS=() LAUNCHER=() DIGEST=() FAILED=()
SETTING_NAMES=() COMMENTS=()

checks() { [ "$CHECK" = true ]; }
say() { printf 'run.sh: %s\n' "$*" >&2; }
fail() {
  ERROR=$1
  exit 1
}
last_line() { printf '%s' "$1" | tr -d '\r' | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c 1-300 || true; }

# Root leaves to the workload's user whatever that user can do.
AS_USER=()
if [ "$EUID" = 0 ] && [ "$TRADING_USER" != "$(id -un)" ]; then AS_USER=(runuser -u "$TRADING_USER" --); fi
as_user() { "${AS_USER[@]}" "$@"; }

# has_text PATH TEXT
has_text() { [ -f "$1" ] && printf '%s' "$2" | cmp -s - "$1"; }

# put_file PATH MODE TEXT: replaces a file in one step. Returns 1 where it held that text already.
put_file() {
  if has_text "$1" "$3"; then return 1; fi
  printf '%s' "$3" | as_user tee "$1.new" >/dev/null
  as_user chmod "$2" "$1.new"
  as_user mv -Tf "$1.new" "$1"
}

# ---- the last line ----------------------------------------------------------------------------------------------------

json_string() {
  local text=${1//[[:cntrl:]]/ }
  text=${text//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}
json_or_null() { if [ -n "$1" ]; then json_string "$1"; else printf null; fi; }

report() {
  local status=$? name separator='' commit
  trap - EXIT ERR
  set +e
  exec >&4 # a signal may come while a function's output goes elsewhere
  [ "$status" = 0 ] || [ -n "$ERROR" ] || ERROR="run.sh ended early with status $status${broken:+ at: $broken}"
  [ -z "$ERROR" ] || say "$ERROR"
  if [ "$SCRATCH" = "$RUN" ]; then rm -f "$RUN/.stderr" 2>/dev/null; else rm -rf "$SCRATCH"; fi
  commit=$(basename "$(readlink "$LINK" 2>/dev/null)" 2>/dev/null)
  if checks; then commit=${COMMIT:-$commit}; fi
  [[ $commit =~ ^[0-9a-f]{40}$ ]] || commit=''
  printf '{"role": %s, "action": %s, ' "$(json_or_null "$ROLE")" "$(json_string "$ACTION")"
  printf '"commit": %s, "changed": %s, "services": {' "$(json_or_null "$commit")" "$CHANGED"
  for name in "${SERVICES[@]}"; do
    printf '%s"%s": "%s"' "$separator" "$name" "$(state_of "$name")"
    separator=', '
  done
  printf '}, %s"address": %s, "error": %s}\n' "$SEEN" "$(json_string "$ADDRESS")" "$(json_or_null "$ERROR")"
  exit "$status"
}

# ---- who this host is -------------------------------------------------------------------------------------------------

metadata() {
  curl --silent --show-error --fail --noproxy '*' --max-time 5 --retry 3 --retry-connrefused "$@"
}
# The metadata's token comes on standard input, so that not even that stands among a process's arguments.
fact() { metadata -H @- "${METADATA%/}/latest/meta-data/$1" <<<"X-aws-ec2-metadata-token: $metadata_token"; }
tag() { fact "tags/instance/$1" 2>/dev/null || true; }

know_host() {
  local answer
  # Its error goes to a file, as a try that failed before the one that worked must not become a part of the token.
  answer=$(metadata -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "${METADATA%/}/latest/api/token" 2>"$SCRATCH/.stderr") ||
    fail "the instance metadata does not answer: $(error_line)"
  metadata_token=$answer
  ADDRESS=$(fact local-ipv4) || fail 'the instance metadata does not tell the private address'
  [[ $ADDRESS =~ ^[0-9]+(\.[0-9]+){3}$ ]] || fail "the instance metadata tells a strange private address: $ADDRESS"
  AWS_DEFAULT_REGION=${AWS_REGION:-${AWS_DEFAULT_REGION:-${AWS_SSM_REGION_NAME:-}}}
  [ -n "$AWS_DEFAULT_REGION" ] || AWS_DEFAULT_REGION=$(fact placement/region) || fail 'this host does not know its region'
  AWS_REGION=$AWS_DEFAULT_REGION # the AWS CLI of version 1 reads the one, that of version 2 the other
  export AWS_REGION AWS_DEFAULT_REGION
  [ -n "$ROLE" ] || ROLE=$(tag Role)
  # A host of the old stack may not show its tags; its config file tells the one kind from the other.
  if [ -z "$ROLE" ]; then if [ -n "${SETTINGS[model_type]:-}" ]; then ROLE=trader; else ROLE=ingest; fi; fi
  case $ROLE in
    ingest) SERVICES=(nats feed dashboard) ;;
    trader) SERVICES=(upload trader) ;; # so that in the reverse order, the last upload comes after the trader's end
    *) fail "the role '$ROLE' is neither ingest nor trader" ;;
  esac
}

# ---- deployment_config.txt --------------------------------------------------------------------------------------------

set_setting() {
  [ -n "${SETTINGS[$1]+set}" ] || SETTING_NAMES+=("$1")
  SETTINGS[$1]=$2
}

# Others source this file. Here nothing of it is run: what is not one harmless shell word is taken as it stands.
load_config() {
  local line value
  local bare='^([^][:space:]["'"'"'$`\\|&;()<>{}*?!^]|\\.)*$' home='(^|[:=])~'
  local quoted='^\$'"'"'([^'"'"'\\]|\\.)*'"'"'$|^'"'"'[^'"'"']*'"'"'$|^"[^"$`\\]*"$'
  [ -f "$CONFIG" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line%$'\r'}
    if [[ $line =~ ^(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]]; then
      value=${BASH_REMATCH[3]} line=${BASH_REMATCH[2]}
      if [[ $value =~ $quoted || ($value =~ $bare && ! $value =~ $home) ]]; then eval "value=$value"; fi
      set_setting "$line" "$value"
    elif [ -n "$line" ]; then
      COMMENTS+=("# ${line#\# }")
    fi
  done <"$CONFIG"
}

complete_config() {
  local key value
  if [ "$ROLE" = trader ]; then
    for key in model_type=ModelType symbol=Symbol model_number=ModelNumber; do
      value=$(tag "${key#*=}")
      [ -z "$value" ] || set_setting "${key%%=*}" "$value"
    done
    [[ $NATS_ADDRESS =~ ^[A-Za-z0-9.-]+$ ]] || fail "TRADING_NATS_ADDRESS, the feed's address, is missing or strange: '$NATS_ADDRESS'"
    set_setting nats_public_ip "$NATS_ADDRESS"
    for key in bucket_name model_type symbol model_number; do
      [ -n "${SETTINGS[$key]:-}" ] || fail "deployment_config.txt has no $key"
    done
  fi
  if [ -z "$REF" ]; then
    REF=${SETTINGS[git_branch]:-}
  elif ! is_commit "$REF"; then
    set_setting git_branch "$REF"
  fi
  [ -n "$REF" ] || fail 'neither TRADING_GIT_REF nor git_branch in deployment_config.txt says which code to run'
}

config_text() {
  local name
  for name in "${COMMENTS[@]}"; do printf '%s\n' "$name"; done
  for name in "${SETTING_NAMES[@]}"; do printf '%s=%q\n' "$name" "${SETTINGS[$name]}"; done
}

# ---- secrets ----------------------------------------------------------------------------------------------------------

# Its error goes to a file, so that a warning never becomes part of a secret.
aws_cli() { aws --cli-connect-timeout 10 --cli-read-timeout 30 "$@" 2>"$SCRATCH/.stderr"; }
error_line() { last_line "$(cat "$SCRATCH/.stderr" 2>/dev/null)"; }

read_credential() {
  local key='import json, sys; print(json.load(sys.stdin)["private-key"].strip())'
  [ -z "$credential" ] || return 0
  credential=$(aws_cli secretsmanager get-secret-value --secret-id "$SECRET_ID" --query SecretString --output text) ||
    fail "cannot read the secret $SECRET_ID: $(error_line)"
  credential=$(printf '%s' "$credential" | "$TRADING_PYTHON" -c "$key" 2>/dev/null) ||
    fail "the secret $SECRET_ID is not a JSON object with the key private-key"
  [[ $credential =~ ^[[:graph:]]+$ ]] || fail "private-key of the secret $SECRET_ID is not one word"
}

token_version() { aws_cli secretsmanager get-secret-value --secret-id "$NATS_SECRET_ID" --query VersionId --output text; }

# NATS' token: the ingest node makes it, once. It is read anew by each service that starts; here only its version counts.
know_token() {
  [ "$NATS_AUTH" != none ] || return 0
  [ "$NATS_AUTH" = token ] || fail "TRADING_NATS_AUTH is '$NATS_AUTH', and neither none nor token"
  [ -n "$NATS_SECRET_ID" ] || NATS_SECRET_ID=trading/nats-$(tag Environment)
  if ! TOKEN_VERSION=$(token_version) && checks && grep -q ResourceNotFoundException "$SCRATCH/.stderr"; then
    TOKEN_VERSION='the first one, which a start of the ingest node makes'
  elif [ -z "$TOKEN_VERSION" ] && [ "$ROLE" = ingest ] && grep -q ResourceNotFoundException "$SCRATCH/.stderr"; then
    # A letter comes first, as NATS would read a number as such.
    aws_cli secretsmanager create-secret --name "$NATS_SECRET_ID" \
      --secret-string file:///dev/fd/3 3< <(printf n && od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n') >/dev/null ||
      grep -q ResourceExistsException "$SCRATCH/.stderr" || fail "cannot create the secret $NATS_SECRET_ID: $(error_line)"
    TOKEN_VERSION=$(token_version) || true
  fi
  [ -n "$TOKEN_VERSION" ] || fail "cannot read the secret $NATS_SECRET_ID: $(error_line)"
}

# ---- the workload's code ----------------------------------------------------------------------------------------------

is_commit() { [[ $1 =~ ^[0-9a-f]{40}$ ]]; }

quiet_git() {
  as_user env -u GIT_DIR -u GIT_WORK_TREE -u GIT_INDEX_FILE -u GIT_TRACE -u GIT_TRACE_CURL -u GIT_CURL_VERBOSE \
    GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0 GIT_ASKPASS="$SCRATCH/askpass" \
    timeout --kill-after=5 "$GIT_SECONDS" \
    git -c credential.helper= -c gc.auto=0 -c maintenance.auto=false -c advice.detachedHead=false "$@"
}

# git asks run/askpass, which reads the credential from this pipe: one line for each time that it is asked.
remote_git() {
  local status=0 answer
  answer=$(quiet_git "$@" 2>&1 8< <(printf '%s\n%s\n%s\n' "$credential" "$credential" "$credential")) || status=$?
  printf '%s\n' "${answer//"$credential"/***}"
  [ "$status" != 124 ] || printf 'git took more than %s s\n' "$GIT_SECONDS"
  return "$status"
}

find_commit() {
  local answer hash name
  [[ ! $REPOSITORY =~ ^https?://[^/]*@ ]] || fail 'TRADING_REPOSITORY holds a credential; that belongs into the secret'
  if is_commit "$REF"; then COMMIT=$REF; return; fi
  read_credential
  answer=$(remote_git ls-remote -- "$REPOSITORY" "refs/heads/$REF") ||
    fail "cannot reach the repository $REPOSITORY: $(last_line "$answer")"
  while read -r hash name; do
    if [ "$name" = "refs/heads/$REF" ]; then COMMIT=$hash; fi
  done <<<"$answer"
  is_commit "$COMMIT" || fail "the branch '$REF' does not exist in $REPOSITORY"
}

# A folder has a commit's name only when all of that commit is in it.
fetch_tree() {
  local new answer program=live_trader.py command=${TRADING_TRADER_COMMAND:-}
  if [ "$ROLE" = ingest ]; then program=alpaca_ingestion.py command=${TRADING_FEED_COMMAND:-}; fi
  as_user rm -rf "$RELEASES"/.new-*
  if [ ! -d "$RELEASES/$COMMIT" ]; then
    say "fetching $COMMIT"
    read_credential
    new=$(as_user mktemp -d "$RELEASES/.new-XXXXXX")
    as_user chmod 755 "$new"
    quiet_git init --quiet --template= "$new"
    if ! answer=$(remote_git -C "$new" fetch --quiet --depth 1 --no-tags -- "$REPOSITORY" "$COMMIT" &&
      quiet_git -C "$new" checkout --quiet --detach "$COMMIT" 2>&1); then
      as_user rm -rf "$new"
      fail "cannot fetch the commit $COMMIT from $REPOSITORY: $(last_line "$answer")"
    fi
    as_user mv -T "$new" "$RELEASES/$COMMIT"
  fi
  [ -n "$command" ] || [ -f "$RELEASES/$COMMIT/backup_vscode/deployment/$program" ] ||
    fail "the commit $COMMIT has no backup_vscode/deployment/$program"
}

# The old stack's checkout is a folder. Its .git holds a credential, and what runs in it is not supervised by anyone.
retire_old_checkout() {
  local process
  [ -d "$LINK" ] && [ ! -L "$LINK" ] || return 0
  for process in /proc/[0-9]*; do
    if [[ "$(readlink "$process/cwd" 2>/dev/null)/" == "$LINK"/* ]]; then
      say "ending process ${process#/proc/}, which the old stack left"
      kill -KILL "${process#/proc/}" 2>/dev/null || true
    fi
  done
  # Not as the user: the old stack worked as root here and there.
  rm -rf "$LINK/.git" "$LINK.old"
  mv -T "$LINK" "$LINK.old"
}

is_switched() { [ "$(readlink "$LINK")" = "releases/$COMMIT" ]; }

# Brings the day's trades along, as the next upload of a file with the same name must hold the earlier ones too.
switch_tree() {
  local old=$LINK.old/backup_vscode new=$RELEASES/$COMMIT/backup_vscode trades
  if is_switched; then return 0; fi
  retire_old_checkout
  [ ! -L "$LINK" ] || old=$LINK/backup_vscode
  for trades in "$old"/trades_*.csv; do
    [ ! -f "$trades" ] || as_user cp -pu -- "$trades" "$new/"
  done
  [ "$ROLE" != trader ] || [ -e "$new/live_trader.log" ] || as_user ln -sfn "$LOGS/live_trader.log" "$new/live_trader.log"
  as_user touch "$RELEASES/$COMMIT" # the time of its use, by which the oldest ones go
  as_user ln -sfn "releases/$COMMIT" "$LINK.new"
  as_user mv -Tf "$LINK.new" "$LINK"
  CHANGED=true
}

prune_releases() {
  local tree kept=1
  while IFS= read -r tree; do
    if [ "$tree" = "$COMMIT" ]; then continue; fi
    kept=$((kept + 1))
    [ "$kept" -le 3 ] || as_user rm -rf "${RELEASES:?}/$tree"
  done < <(ls -1t -- "$RELEASES")
}

# ---- what each service is ---------------------------------------------------------------------------------------------

log_of() { if [ "$1" = trader ]; then echo "$LOGS/live_trader.log"; else echo "$LOGS/$1.log"; fi; }
grace_of() { if [ "$1" = upload ]; then echo 100; else echo 10; fi; }

nats_config() {
  printf 'listen: "%s:4222"\nhttp: "%s"\n' "$ADDRESS" "$NATS_MONITOR"
  # NATS takes the token from its environment.
  # shellcheck disable=SC2016
  [ "$NATS_AUTH" = none ] || printf 'authorization { token: $NATS_TOKEN }\n'
}

command_of() {
  local destination
  case $1 in
    nats) printf '%q ' "$NATS_SERVER" -c "$RUN/nats.conf" ;;
    feed) printf '%q ' bash -c "$FEED" ;;
    dashboard) printf '%q ' bash -c "$DASHBOARD" ;;
    trader) printf '%q ' bash -c "$TRADER" ;;
    upload)
      destination=s3://${SETTINGS[bucket_name]}/models/${SETTINGS[model_type]}/${SETTINGS[symbol]}/${SETTINGS[model_number]}/
      printf '%q ' bash "$RUN/upload" "$UPLOAD_SECONDS" "$RELEASES/$COMMIT/backup_vscode" "$(log_of trader)" "$destination"
      # shellcheck disable=SC2016
      printf '"$@"'
      ;;
  esac
}

# The program that starts a service, with all that it needs except secrets, which it fetches into its own memory.
launcher_text() {
  local name
  printf '#!/usr/bin/env bash\nset -euo pipefail\n'
  for name in PATH TRADING_HOME TRADING_PYTHON AWS_REGION AWS_DEFAULT_REGION; do printf 'export %s=%q\n' "$name" "${!name}"; done
  printf 'export HOME=%q TRADING_ADDRESS=%q PYTHONUNBUFFERED=1\n' "$TRADING_HOME" "$ADDRESS"
  if [ "$ROLE" = trader ]; then name=$NATS_ADDRESS; else name=$ADDRESS; fi
  printf 'export NATS_URL=%q\n' "nats://$name:4222"
  if [ "$1" = nats ]; then printf 'cd %q\n' "$TRADING_HOME"; else printf 'cd %q\n' "$RELEASES/$COMMIT/backup_vscode"; fi
  if [ "$NATS_AUTH" = token ] && [ "$1" != upload ]; then
    # shellcheck disable=SC2016
    printf 'NATS_TOKEN=$(aws secretsmanager get-secret-value --secret-id %q --query SecretString --output text)\n' "$NATS_SECRET_ID"
    printf 'export NATS_TOKEN\n'
  fi
  printf 'exec %s\n' "$(command_of "$1")"
}

describe_services() {
  local name known
  for name in "${SERVICES[@]}"; do
    LAUNCHER[$name]=$(launcher_text "$name")
    # The agent has one PATH, and sudo sets another: that alone starts no service anew.
    known=$(grep -v '^export PATH=' <<<"${LAUNCHER[$name]}")$TOKEN_VERSION
    if [ "$name" = nats ]; then known+=$(nats_config); else known+=$(config_text); fi
    DIGEST[$name]=$(printf '%s' "$known" | sha256sum | cut -d ' ' -f 1)
  done
}

# ---- starting and stopping --------------------------------------------------------------------------------------------

# A service and its supervisor hold NAME.lock by file descriptor 9: while one of them lives, no second one starts.
is_held() { [ -e "$RUN/$1.lock" ] && ! flock --nonblock "$RUN/$1.lock" true; }
holds() { [[ $2 =~ ^[0-9]+$ ]] && [ "/proc/$2/fd/9" -ef "$RUN/$1.lock" ]; }
pid_of() {
  local pid
  pid=$(cat "$RUN/$1.pid" 2>/dev/null) && holds "$1" "$pid" && echo "$pid"
}
state_of() {
  if [ -n "${FAILED[$1]:-}" ]; then echo failed; elif pid_of "$1" >/dev/null; then echo running
  elif is_held "$1"; then echo failed; else echo stopped; fi
}
is_current() { pid_of "$1" >/dev/null && [ "$(cat "$RUN/$1.digest" 2>/dev/null)" = "${DIGEST[$1]}" ]; }

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.1
  done
}
is_free() { ! is_held "$1"; }

stop_service() {
  local process supervisor
  if is_held "$1"; then
    say "stopping $1"
    CHANGED=true
  elif [ -z "$UNITS" ] || [ ! -e "$UNITS/trading-$1.service" ]; then
    return 0
  fi
  # systemd is told in any case: before it starts again what has ended, nothing runs that could be seen.
  supervisor=$(cat "$RUN/$1.supervisor" 2>/dev/null || true)
  if [ -n "$UNITS" ]; then
    systemctl stop "trading-$1.service" || true
  elif holds "$1" "$supervisor"; then
    kill -TERM "$supervisor" 2>/dev/null || true
  fi
  if holds "$1" "$supervisor"; then wait_for "$(($(grace_of "$1") + 5))" is_free "$1" || true; fi
  for process in /proc/[0-9]*; do
    if holds "$1" "${process#/proc/}"; then kill -KILL "${process#/proc/}" 2>/dev/null || true; fi
  done
  wait_for 5 is_free "$1" || fail "$1 cannot be stopped"
  as_user rm -f "$RUN/$1.pid" "$RUN/$1.digest"
}

unit_word() {
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"} text=${text//%/%%}
  printf '"%s"' "${text//\$/\$\$}"
}

start_unit() {
  local name=$1 word text
  text="[Unit]
Description=Trading: $name
Wants=network-online.target
After=network-online.target$([ "$name" != trader ] || echo ' trading-upload.service')
StartLimitIntervalSec=0

[Service]
User=$TRADING_USER
ExecStart=/usr/bin/env bash$(for word in "$RUN/supervise" "$name" "$(log_of "$name")" "$LOG_BYTES" "$(grace_of "$name")" once; do printf ' '; unit_word "$word"; done)
Restart=always
RestartSec=2
KillMode=mixed
TimeoutStopSec=$(($(grace_of "$name") + 5))
"
  if [ "$(cat "$UNITS/trading-$name.service" 2>/dev/null)" != "${text%$'\n'}" ]; then
    printf '%s' "$text" >"$UNITS/trading-$name.service.new"
    mv -f "$UNITS/trading-$name.service.new" "$UNITS/trading-$name.service"
  fi
  systemctl daemon-reload
  systemctl start "trading-$name.service" 4>&- 5>&-
}

start_service() {
  local name=$1
  say "starting $name"
  CHANGED=true
  put_file "$RUN/$name.sh" 0755 "${LAUNCHER[$name]}" || true
  [ "$name" != nats ] || put_file "$RUN/nats.conf" 0644 "$(nats_config)" || true
  as_user rm -f "$RUN/$name.pid" "$RUN/$name.ended"
  if [ -n "$UNITS" ]; then
    start_unit "$name"
  else
    # With exec, as no copy of this process, which holds a credential, may stay behind.
    (exec "${AS_USER[@]}" setsid bash "$RUN/supervise" "$name" "$(log_of "$name")" "$LOG_BYTES" "$(grace_of "$name")" \
      </dev/null >/dev/null 2>&1 4>&- 5>&-) &
  fi
  wait_for 10 has_begun "$name" || true
  put_file "$RUN/$name.digest" 0644 "${DIGEST[$name]}" || true
  # What needs NATS is not started without it.
  if [ "$name" = nats ] && ! wait_for_nats; then
    complain nats
    fail "$ERROR"
  fi
}

# With what the service itself, and not its supervisor, said last.
complain() {
  FAILED[$1]=yes
  ERROR="${ERROR:+$ERROR; }$1 does not stay up: $(last_line "$(tail -n 20 "$(log_of "$1")" 2>/dev/null | grep -v '^supervise: ')")"
}

nats_answers() { curl --silent --fail --noproxy '*' --max-time 2 "http://$NATS_MONITOR/healthz" >/dev/null; }

has_begun() { [ -e "$RUN/$1.ended" ] || pid_of "$1" >/dev/null; }
wait_for_nats() {
  local tries
  for ((tries = 0; tries < 100; tries++)); do
    if nats_answers; then return 0; fi
    pid_of nats >/dev/null || return 1
    sleep 0.1
  done
  return 1
}

# Alive is not enough: a service is up when it is the same process a settling time later.
verify() {
  local name pid young=''
  declare -A before=()
  for name in "${SERVICES[@]}"; do
    before[$name]=$(pid_of "$name" || true)
    [ "$(($(date +%s) - $(stat -c %Y "$RUN/$name.pid" 2>/dev/null || echo 0)))" -gt "$SETTLE_SECONDS" ] || young=yes
  done
  [ -z "$young" ] || sleep "$SETTLE_SECONDS"
  for name in "${SERVICES[@]}"; do
    pid=$(pid_of "$name" || true)
    if [ -n "$pid" ] && [ "$pid" = "${before[$name]}" ]; then continue; fi
    if [ "$name" = dashboard ]; then
      # Nothing trades by it, so that a day without it is better than none.
      FAILED[dashboard]=yes
      say 'the dashboard does not stay up'
    else
      complain "$name"
    fi
  done
  if [ "$ROLE" = ingest ] && [ -z "${FAILED[nats]:-}" ] && ! wait_for 5 nats_answers; then
    FAILED[nats]=yes ERROR="${ERROR:+$ERROR; }nats does not answer at http://$NATS_MONITOR/healthz"
  fi
  [ -z "$ERROR" ] || fail "$ERROR"
}

# ---- the programs that stay on the host -------------------------------------------------------------------------------

install_askpass() {
  # shellcheck disable=SC2016
  put_file "$SCRATCH/askpass" 0755 '#!/usr/bin/env bash
# Answers git with the credential that run.sh holds in memory.
set +x
case ${1:-} in
  Username*) echo x-access-token ;;
  *) IFS= read -r secret <&8 && printf "%s\n" "$secret" ;;
esac
' || true
}

install_programs() {
  put_file "$RUN/supervise" 0755 "$(supervise_text)" || true
  put_file "$RUN/upload" 0755 "$(upload_text)" || true
}

supervise_text() {
  cat <<'SUPERVISE'
#!/usr/bin/env bash
# Keeps one service alive and its log small: supervise NAME LOG BYTES GRACE [once]. With once, systemd starts it again.
set -u
name=$1 log=$2 bytes=$3 grace=$4 mode=${5:-}
run=$(cd "$(dirname "$0")" && pwd)
stopping='' pid=0 kill_at=0 delay=1 status=0

exec 9>>"$run/$name.lock"
flock --wait 5 9 || exit 0 # there is one already; run.sh itself takes this lock for moments only
echo "$$" >"$run/$name.supervisor"
exec 7>>"$log" 6<> <(:)
size=$(stat -c %s "$log")

stop() {
  [ -z "$stopping" ] || return 0
  stopping=yes kill_at=$((SECONDS + grace))
  [ "$pid" = 0 ] || kill -TERM "$pid" 2>/dev/null
}
trap stop TERM INT
trap '' HUP

# Waits without a process of its own; a signal ends it early or finds it done soon.
pause() { read -r -t "$1" -u 6; }

rotate() {
  local number
  for number in 4 3 2 1; do
    [ ! -e "$log.$number" ] || mv -f "$log.$number" "$log.$((number + 1))"
  done
  mv -f "$log" "$log.1"
  exec 7>>"$log"
  size=0
}

write() {
  printf '%s\n' "$1" >&7
  size=$((size + ${#1} + 1))
  [ "$size" -le "$bytes" ] || rotate
}

serve() {
  local line='' partial=''
  exec 8< <(exec setsid bash "$run/$name.sh" </dev/null 2>&1 6>&- 7>&-)
  pid=$!
  echo "$pid" >"$run/$name.pid"
  [ -z "$stopping" ] || kill -TERM "$pid" 2>/dev/null
  while :; do
    # What the service leaves behind when it ends, ends with it.
    kill -0 "$pid" 2>/dev/null || kill -KILL -- "-$pid" 2>/dev/null
    [ -z "$stopping" ] || [ "$SECONDS" -lt "$kill_at" ] || kill -KILL -- "-$pid" 2>/dev/null
    IFS= read -r -t 1 -u 8 line
    case $? in
      0) write "$partial$line"; partial='' ;;
      1) partial+=$line; kill -0 "$pid" 2>/dev/null || break; pause 0.1 ;;
      *) partial+=$line; kill -0 "$pid" 2>/dev/null || break ;;
    esac
  done
  [ -z "$partial" ] || write "$partial"
  exec 8<&-
  wait "$pid"
  status=$?
  rm -f "$run/$name.pid"
  echo "$status" >"$run/$name.ended"
  pid=0
}

while [ -z "$stopping" ]; do
  began=$SECONDS
  serve
  [ -z "$stopping" ] || break
  [ "$((SECONDS - began))" -lt 60 ] || delay=1
  write "supervise: $name ended with status $status"
  [ "$mode" != once ] || exit "$status"
  for ((waited = 0; waited < delay; waited++)); do [ -n "$stopping" ] || pause 1; done
  delay=$((delay < 32 ? delay * 2 : 60))
done
exit 0
SUPERVISE
}

upload_text() {
  cat <<'UPLOAD'
#!/usr/bin/env bash
# Takes a trader's log and trades to S3: upload SECONDS TREE LOG DESTINATION [once]. At its end, once more.
set -u
seconds=$1 tree=$2 log=$3 destination=$4 mode=${5:-}
run=$(cd "$(dirname "$0")" && pwd)
stage=$run/upload.stage
child=''

# Links by the names that the files have in S3. A log that was rotated is called by the time of its last line.
collect() {
  local file
  rm -rf "$stage"
  mkdir -p "$stage/logs" "$stage/trades"
  [ ! -f "$log" ] || ln -s "$log" "$stage/logs/app.log"
  for file in "$log".[1-5]; do
    [ ! -f "$file" ] || ln -sf "$file" "$stage/logs/app.$(date -u -r "$file" +%Y%m%dT%H%M%SZ).log"
  done
  for file in "$tree"/trades_*.csv; do
    [ ! -f "$file" ] || ln -s "$file" "$stage/trades/"
  done
}

upload() {
  collect
  aws s3 sync --only-show-errors --no-progress "$stage" "$destination"
}

note() { date -u +%Y-%m-%dT%H:%M:%SZ >"$run/uploaded.new" && mv -f "$run/uploaded.new" "$run/uploaded"; }

last() {
  trap '' TERM INT
  [ -z "$child" ] || kill -KILL "$child" 2>/dev/null
  flock --wait 20 "$run/trader.lock" true # until the trader has written its last line
  upload || upload || exit 1
  note
  echo done >"$run/upload.last"
  exit 0
}

[ "$mode" != once ] || last
trap last TERM INT
exec 6<> <(:)
while :; do
  for ((waited = 0; waited < seconds; waited++)); do read -r -t 1 -u 6; done
  (collect && exec aws s3 sync --only-show-errors --no-progress "$stage" "$destination") &
  child=$!
  if wait "$child"; then note; else echo "upload: failed, and is tried again in $seconds s"; fi
  child=''
done
UPLOAD
}

# ---- the three actions ------------------------------------------------------------------------------------------------

check_deadline() {
  [ -z "$DEADLINE" ] && return 0
  [[ $DEADLINE =~ ^[0-9]+$ ]] || fail "TRADING_DEADLINE is '$DEADLINE', and not a time in seconds"
  [ "$(date +%s)" -lt "$DEADLINE" ] ||
    fail "the deadline $(date -u -d "@$DEADLINE" +%Y-%m-%dT%H:%M:%SZ) has passed, so nothing is started"
}

take_lock() {
  if checks; then [ -e "$RUN/run.lock" ] || return 0; else as_user touch "$RUN/run.lock"; fi
  exec 5>>"$RUN/run.lock"
  flock --wait "$LOCK_SECONDS" 5 || fail "another run.sh has been at work for more than $LOCK_SECONDS s"
}

start() {
  local name index stale=()
  check_deadline
  type -P "$TRADING_PYTHON" >/dev/null || fail "TRADING_PYTHON '$TRADING_PYTHON' is no program of this host"
  complete_config
  install_askpass
  find_commit
  checks || fetch_tree
  know_token
  describe_services
  check_deadline
  # Nothing was touched up to here: whatever failed, the host goes on as before.
  for name in "${SERVICES[@]}"; do is_current "$name" || stale+=("$name"); done
  if checks; then
    if [ "${#stale[@]}" != 0 ] || ! is_switched || ! has_text "$CONFIG" "$(config_text)"$'\n'; then CHANGED=true; fi
    return
  fi
  install_programs
  for ((index = ${#stale[@]} - 1; index >= 0; index--)); do stop_service "${stale[index]}"; done
  if put_file "$CONFIG" 0644 "$(config_text)"$'\n'; then CHANGED=true; fi
  switch_tree
  for name in "${stale[@]}"; do start_service "$name"; done
  verify
  prune_releases
}

stop() {
  local index name
  if checks; then
    for name in "${SERVICES[@]}"; do if is_held "$name"; then CHANGED=true; fi; done
    return
  fi
  as_user rm -f "$RUN/upload.last"
  for ((index = ${#SERVICES[@]} - 1; index >= 0; index--)); do stop_service "${SERVICES[index]}"; done
  [ "$ROLE" = trader ] && [ -f "$RUN/upload.sh" ] && [ ! -f "$RUN/upload.last" ] || return 0
  as_user bash "$RUN/upload.sh" once >/dev/null 2>"$SCRATCH/.stderr" || fail "the last upload failed: $(error_line)"
}

# NATS tells when each of its connections was last active; the newest of those that ever sent something counts.
feed_lag() {
  local program='
import json, sys
from datetime import datetime

told = json.load(sys.stdin)
times = [datetime.fromisoformat(each["last_activity"]) for each in told["connections"] if each["in_msgs"]]
if times:
    print(max(0, round((datetime.fromisoformat(told["now"]) - max(times)).total_seconds())))
'
  pid_of nats >/dev/null || return 0
  curl --silent --fail --noproxy '*' --max-time 5 "http://$NATS_MONITOR/connz" | "$TRADING_PYTHON" -c "$program" 2>/dev/null || true
}

status() {
  local told
  if [ "$ROLE" = trader ]; then
    told=$(cat "$RUN/uploaded" 2>/dev/null || true)
    SEEN="\"uploaded\": $(json_or_null "$told"), "
  else
    told=$(feed_lag)
    SEEN="\"feed_lag\": ${told:-null}, "
  fi
}

main() {
  broken=''
  exec 4>&1
  trap report EXIT
  trap 'broken=$BASH_COMMAND' ERR
  trap 'ERROR="run.sh was interrupted"; exit 143' TERM INT HUP
  export HOME=$TRADING_HOME TRADING_HOME TRADING_PYTHON
  export PATH=$PATH:/usr/local/bin:/usr/sbin:$TRADING_HOME/.local/bin
  case $ACTION in start | stop | status) ;; *) fail "TRADING_ACTION is '$ACTION', and none of start, stop, status" ;; esac
  [[ $TRADING_HOME == /* && -d $TRADING_HOME ]] || fail "TRADING_HOME '$TRADING_HOME' is no folder"
  case $CHECK in
    true) SCRATCH=$(as_user mktemp -d) || fail "the user $TRADING_USER cannot make a temporary folder" ;;
    false) as_user mkdir -p "$RUN" "$LOGS" "$RELEASES" || fail "the user $TRADING_USER cannot make folders in $TRADING_HOME" ;;
    *) fail "TRADING_CHECK is '$CHECK', and neither true nor false" ;;
  esac
  cd "$TRADING_HOME"
  [ "$ACTION" = status ] || take_lock
  load_config
  know_host
  "$ACTION"
}

main
