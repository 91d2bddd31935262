#!/bin/bash
# Runs a command beside a real, empty systemd-journald:
#
#     Tests/journald-run.sh [--bare] COMMAND [ARGUMENT...]
#
# With --bare everything is made ready for a journald, and the command starts it itself.
#
# journald gets its own mount namespace with a fresh /run and /var/log/journal, so that the
# machine's own journal is neither read nor written. Needs root (or CAP_SYS_ADMIN) and Debian's
# `systemd` package; systemd need not be init. The command's exit status is the script's; 99 means
# that the journal could not be set up, which is a failure and not a reason to skip.
set -u

fail() {
  printf 'journald-run.sh: cannot run: %s\n' "$1" >&2
  exit 99
}

journald=/lib/systemd/systemd-journald

if [ "${1-}" != --inside ]; then
  case ${*-} in '' | --bare) fail 'no command given' ;; esac
  [ -x "$journald" ] || fail "$journald is missing; install the systemd package"
  command -v journalctl >/dev/null || fail 'journalctl is missing; install the systemd package'
  command -v unshare >/dev/null || fail 'unshare is missing; install the util-linux package'
  [ -s /etc/machine-id ] || fail '/etc/machine-id is empty; run systemd-machine-id-setup'
  unshare --mount --propagation private true 2>/dev/null ||
    fail 'no right to make a mount namespace; run as root'
  exec unshare --mount --propagation private "$0" --inside "$@"
fi
shift

mount -t tmpfs tmpfs /run || fail 'cannot mount a fresh /run'
mkdir -p /run/systemd/journal /run/log/journal /run/systemd/journald.conf.d /var/log/journal
mount -t tmpfs tmpfs /var/log/journal || fail 'cannot mount a fresh /var/log/journal'
# As the unit shipped with wsrelay asks for: no rate limit that an honest load could reach.
printf '[Journal]\n%s\n' Storage=volatile RuntimeMaxUse=1G RuntimeKeepFree=1M RateLimitBurst=0 \
  >/run/systemd/journald.conf.d/test.conf

if [ "${1-}" = --bare ]; then
  shift
  WSRELAY_REAL_JOURNAL=1 exec "$@"
fi

"$journald" 2>/run/journald.stderr &
journald_process=$!
for ((attempt = 0; ; attempt++)); do
  [ -S /run/systemd/journal/socket ] && break
  kill -0 "$journald_process" 2>/dev/null || fail "journald ended: $(cat /run/journald.stderr)"
  [ "$attempt" -lt 2500 ] || fail 'journald made no socket within 5 s'
  sleep 0.002
done

WSRELAY_REAL_JOURNAL=1 WSRELAY_JOURNALD_PROCESS=$journald_process "$@"
status=$?

kill "$journald_process" 2>/dev/null
wait "$journald_process" 2>/dev/null
exit "$status"
