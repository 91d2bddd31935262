# Completion of wsrelay-bench(1) for bash.
# shellcheck shell=bash

_wsrelay_bench() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local words='--help --version'
  local all='--threads --duration --warmup --ramp --deflate --header --subprotocol --ca
    --insecure --server-pid --json --plot'
  local messages='--size --text --file'

  COMPREPLY=()
  if ((COMP_CWORD > 1)); then
    case $previous in
      # No words of ours: readline completes file names then (complete -o default).
      --ca | --file | --plot) return ;;
      --server-pid) words=$(cd /proc && printf '%s\n' [0-9]*) ;;
      -[cdnpst] | --connections | --depth | --duration | --header | --publishers | --ramp | \
        --rate | --size | --subprotocol | --subscribers | --threads | --warmup)
        compopt +o default && return
        ;;
      *)
        case ${COMP_WORDS[1]} in
          echo) words+=" --connections --depth $messages $all" ;;
          broadcast) words+=" --publishers --subscribers --depth --rate $messages $all" ;;
          latency) words+=" --connections --rate $messages $all" ;;
          idle) words+=" --connections $all" ;;
          churn) words+=" --connections $messages $all" ;;
          help) words+=' echo broadcast latency idle churn' ;;
        esac
        ;;
    esac
  else
    words+=' echo broadcast latency idle churn help'
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o default -F _wsrelay_bench wsrelay-bench
