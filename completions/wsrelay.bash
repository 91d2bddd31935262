# Completion of wsrelay(8) for bash.
# shellcheck shell=bash

_wsrelay() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command=serve words

  if ((COMP_CWORD > 1)); then
    case ${COMP_WORDS[1]} in
      -t) command=check ;;
      -*) ;;
      *) command=${COMP_WORDS[1]} ;;
    esac
  fi

  COMPREPLY=()
  case $previous in
    # No words of ours: readline completes file names then (complete -o default).
    --config | --input) return ;;
    --log-level) words='info debug' ;;
    --by) words='cause code route peer minute' ;;
    --listen | --pid | --route | --since | --until) compopt +o default && return ;;
    *)
      case $command in
        serve) words='--config --listen --log-level' ;;
        check) words='--config --listen --log-level --print-effective' ;;
        kick) words='--pid' ;;
        closes) words='--by --follow --input --json --route --since --until' ;;
        # The indented lines begin with what can be explained.
        explain) words=$("${COMP_WORDS[0]}" explain 2>/dev/null | sed -nE 's/^  ([^ ]+).*/\1/p') ;;
        help) words='serve check closes kick explain' ;;
      esac
      if ((COMP_CWORD == 1)); then words+=' serve check closes kick explain help'; fi
      words+=' --help --version'
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o default -F _wsrelay wsrelay
