# Completion of wsrelay(8) for fish.

function __wsrelay_command -d 'Whether one of these commands is meant; serve is if none is named'
    set -l words (commandline -opc)
    set -l command serve
    if set -q words[2]; and not string match -q -- '-*' $words[2]
        set command $words[2]
    else if test "$words[2]" = -t
        set command check
    end
    contains -- $command $argv
end

function __wsrelay_topics -d 'What can be explained: the indented lines begin with it'
    wsrelay explain 2>/dev/null | string replace -rf '^  (\S+) +(.*)' '$1\t$2'
end

complete -c wsrelay -f
complete -c wsrelay -s h -l help -d 'Show help'
complete -c wsrelay -l version -d 'Show the version'

complete -c wsrelay -n __fish_use_subcommand -a serve -d 'Run the relay (the default)'
complete -c wsrelay -n __fish_use_subcommand -a check -d 'Check the configuration'
complete -c wsrelay -n __fish_use_subcommand -a closes \
    -d 'Tell from the journal what has been ending connections'
complete -c wsrelay -n __fish_use_subcommand -a kick -d 'Close one connection'
complete -c wsrelay -n __fish_use_subcommand -a explain \
    -d 'Say what a close code or cause means, and what to do about it'
complete -c wsrelay -n __fish_use_subcommand -a help -d 'Show the help of a command'
complete -c wsrelay -n '__wsrelay_command help' -a 'serve check closes kick explain'

complete -c wsrelay -n '__wsrelay_command serve check' -l config -rF -d 'The configuration file'
complete -c wsrelay -n '__wsrelay_command serve check' -l listen -x \
    -d 'Listen here instead of where the file says'
complete -c wsrelay -n '__wsrelay_command serve check' -l log-level -xa 'info debug' \
    -d 'How much is logged'
complete -c wsrelay -n '__wsrelay_command check' -l print-effective \
    -d 'Print every setting in force, and where it comes from'

complete -c wsrelay -n '__wsrelay_command closes' -l by -xa 'cause code route peer minute' \
    -d 'What the rows are'
complete -c wsrelay -n '__wsrelay_command closes' -s f -l follow -d 'Show each close as it comes'
complete -c wsrelay -n '__wsrelay_command closes' -l input -rF \
    -d 'Read a journal file, a directory of them, or an export'
complete -c wsrelay -n '__wsrelay_command closes' -l json -d 'One JSON object for each entry'
complete -c wsrelay -n '__wsrelay_command closes' -l route -x -d 'Only this route'
complete -c wsrelay -n '__wsrelay_command closes' -l since -x -d 'From this time on'
complete -c wsrelay -n '__wsrelay_command closes' -l until -x -d 'Up to this time'

complete -c wsrelay -n '__wsrelay_command kick' -l pid -xa '(__fish_complete_pids)' \
    -d 'The process of the relay'

complete -c wsrelay -n '__wsrelay_command explain' -a '(__wsrelay_topics)'
