# Completion of wsrelay-bench(1) for fish.

function __wsrelay_bench_command -d 'Whether one of these commands is meant'
    set -l words (commandline -opc)
    set -q words[2]; and contains -- $words[2] $argv
end

set -l kinds echo broadcast latency idle churn
set -l alone 'echo latency idle churn'
set -l talking 'echo broadcast latency churn'

complete -c wsrelay-bench -f
complete -c wsrelay-bench -s h -l help -d 'Show help'
complete -c wsrelay-bench -l version -d 'Show the version'

complete -c wsrelay-bench -n __fish_use_subcommand -a echo -d 'Messages that the server sends back'
complete -c wsrelay-bench -n __fish_use_subcommand -a broadcast \
    -d 'Publishers and subscribers on one path'
complete -c wsrelay-bench -n __fish_use_subcommand -a latency -d 'Messages at a fixed rate'
complete -c wsrelay-bench -n __fish_use_subcommand -a idle -d 'Connections that do nothing'
complete -c wsrelay-bench -n __fish_use_subcommand -a churn \
    -d 'Connect, one message and its reply, close'
complete -c wsrelay-bench -n __fish_use_subcommand -a help -d 'Show the help of a command'
complete -c wsrelay-bench -n '__wsrelay_bench_command help' -a "$kinds"

complete -c wsrelay-bench -n "__wsrelay_bench_command $alone" -s c -l connections -x \
    -d 'How many connections'
complete -c wsrelay-bench -n '__wsrelay_bench_command echo broadcast' -s d -l depth -x \
    -d 'Messages in flight'
complete -c wsrelay-bench -n '__wsrelay_bench_command broadcast' -s p -l publishers -x \
    -d 'Connections that send, and receive'
complete -c wsrelay-bench -n '__wsrelay_bench_command broadcast' -s n -l subscribers -x \
    -d 'Connections that only receive'
complete -c wsrelay-bench -n '__wsrelay_bench_command broadcast latency' -l rate -x \
    -d 'Messages a second in all'

complete -c wsrelay-bench -n "__wsrelay_bench_command $talking" -s s -l size -x \
    -d 'Payload of a message'
complete -c wsrelay-bench -n "__wsrelay_bench_command $talking" -l text \
    -d 'Send text instead of binary messages'
complete -c wsrelay-bench -n "__wsrelay_bench_command $talking" -l file -rF \
    -d 'Send the lines of a file'

complete -c wsrelay-bench -n "__wsrelay_bench_command $kinds" -s t -l threads -x \
    -d 'Threads of the tool'
complete -c wsrelay-bench -n "__wsrelay_bench_command $kinds" -l duration -x \
    -d 'How long to measure'
complete -c wsrelay-bench -n "__wsrelay_bench_command $kinds" -l warmup -x \
    -d 'How long to run before that'
complete -c wsrelay-bench -n "__wsrelay_bench_command $kinds" -l ramp -x \
    -d 'Spread the opening of the connections over this time'
complete -c wsrelay-bench -n "__wsrelay_bench_command $kinds" -l deflate \
    -d 'Offer permessage-deflate, and send compressed'
complete -c wsrelay-bench -n "__wsrelay_bench_command $kinds" -l header -x \
    -d 'A field for the request'
complete -c wsrelay-bench -n "__wsrelay_bench_command $kinds" -l subprotocol -x \
    -d 'A subprotocol to offer'
complete -c wsrelay-bench -n "__wsrelay_bench_command $kinds" -l ca -rF \
    -d 'Trust the authorities in this file'
complete -c wsrelay-bench -n "__wsrelay_bench_command $kinds" -l insecure \
    -d 'Take any certificate'
complete -c wsrelay-bench -n "__wsrelay_bench_command $kinds" -l server-pid \
    -xa '(__fish_complete_pids)' -d 'The process of the server'
complete -c wsrelay-bench -n "__wsrelay_bench_command $kinds" -l json \
    -d 'One JSON object instead of the summary'
complete -c wsrelay-bench -n "__wsrelay_bench_command $kinds" -l plot -rF \
    -d 'Draw latencies and throughput as SVG'
