# Completion of udsock(1) for bash.

_udsock_addresses()
{
    COMPREPLY=($(compgen -f -- "$1"))
    [[ $1 == @* ]] || { compopt -o filenames 2>/dev/null; return; }
    # (Their escapes are kept: they are to be typed.)
    local names
    mapfile -t names < <(udsock list --listening 2>/dev/null | awk '$NF ~ /^@/ { print $NF }' | sort -u)
    COMPREPLY=($(compgen -W "${names[*]//\\/\\\\}" -- "$1"))
}

_udsock()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W 'inspect list connect serve selftest --help --version' -- "$word"))
        return
    fi
    case $before in
    -k | --kind)
        COMPREPLY=($(compgen -W 'stream seqpacket dgram' -- "$word"))
        return
        ;;
    -d | --send-fd)
        COMPREPLY=($(compgen -f -- "$word"))
        compopt -o filenames 2>/dev/null
        return
        ;;
    -m | --mode | -t | --timeout) return ;;
    esac
    if [[ $word == -* ]]; then
        local options=--help
        case ${COMP_WORDS[1]} in
        list) options+=' --listening' ;;
        connect) options+=' --kind --raw --credentials --send-fd --local --timeout --retry' ;;
        serve) options+=' --kind --raw --credentials --echo --mode --replace' ;;
        esac
        COMPREPLY=($(compgen -W "$options" -- "$word"))
        return
    fi
    case ${COMP_WORDS[1]} in
    inspect | connect | serve) _udsock_addresses "$word" ;;
    selftest) COMPREPLY=($(compgen -d -- "$word")) ;;
    esac
}

complete -F _udsock udsock
