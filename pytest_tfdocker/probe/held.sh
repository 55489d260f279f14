# shellcheck shell=sh
# PID 1 in an image without Python: starts the user's program as its child, and lives to say how it
# ended. Built-in commands of a POSIX shell alone, since the image may have no others.
# Runs as `/bin/sh -c THIS tfdocker PROGRAM ARGUMENT…`; without a program it tells of the limits.
# Its variables have a prefix: to assign to one of the image's environment would change that.

# Standard input has the cookie, its reverse and the deadline in seconds; then it is the lifeline.
IFS= read -r tfdocker_start && IFS= read -r tfdocker_end && read -r tfdocker_deadline || exit 3

tell() { # a report: the inside of a JSON object
    printf '%s{%s}%s\n' "$tfdocker_start" "$1" "$tfdocker_end"
}

refuse() { # the program can't be started
    tell "\"error\":\"$1\""
    exit 127
}

read_files() { # $tfdocker_files: the texts of those that are there, by CONTROLLER/NAME
    tfdocker_files=
    for tfdocker_name in "$@"; do
        tfdocker_folder=/sys/fs/cgroup/${tfdocker_name%/*}
        # A container sees its own group as the root of the tree, or the whole tree of the host
        if [ -r "$tfdocker_folder$tfdocker_group/${tfdocker_name##*/}" ]; then
            tfdocker_folder=$tfdocker_folder$tfdocker_group
        fi
        [ -r "$tfdocker_folder/${tfdocker_name##*/}" ] || continue
        tfdocker_text=
        while read -r tfdocker_line; do
            tfdocker_text="$tfdocker_text$tfdocker_line\\n"
        done <"$tfdocker_folder/${tfdocker_name##*/}"
        tfdocker_files="$tfdocker_files,\"$tfdocker_name\":\"$tfdocker_text\""
    done
}

find_program() { # $tfdocker_path: the one that the kernel would start for the name $1
    tfdocker_path=$1
    case $1 in */*) return ;; esac
    IFS=:
    set -f
    for tfdocker_folder in $PATH; do
        tfdocker_path=${tfdocker_folder:-.}/$1
        if [ -f "$tfdocker_path" ] && [ -x "$tfdocker_path" ]; then return; fi
    done
    refuse 'No such file or directory'
}

refuse_what_no_kernel_starts() { # a shell starts a text without `#!` too, as a script of its own
    [ -e "$tfdocker_path" ] || refuse 'No such file or directory'
    if [ ! -f "$tfdocker_path" ] || [ ! -x "$tfdocker_path" ]; then refuse 'Permission denied'; fi
    [ -r "$tfdocker_path" ] || return
    IFS= read -r tfdocker_line <"$tfdocker_path"
    case $tfdocker_line in '#!'* | *[![:print:][:space:]]*) ;; *) refuse 'Exec format error' ;; esac
}

tfdocker_version=2
while IFS=: read -r tfdocker_x tfdocker_name tfdocker_text; do
    case ,$tfdocker_name, in
        *,memory,*) tfdocker_version=1 tfdocker_group=$tfdocker_text ;;
        ,,) tfdocker_unified=$tfdocker_text ;;
    esac
done </proc/self/cgroup
if [ "$tfdocker_version" = 1 ]; then
    tfdocker_counters='memory/memory.max_usage_in_bytes memory/memory.oom_control cpu/cpu.stat
        cpuacct/cpuacct.usage'
    tfdocker_limits='memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes
        cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us pids/pids.max'
else
    tfdocker_group=$tfdocker_unified
    tfdocker_counters='./memory.peak ./memory.events ./cpu.stat'
    tfdocker_limits='./memory.max ./memory.swap.max ./cpu.max ./pids.max'
fi
tfdocker_swap=
while read -r tfdocker_name tfdocker_text; do
    if [ "$tfdocker_name" = SwapTotal: ]; then tfdocker_swap="SwapTotal: $tfdocker_text"; fi
done </proc/meminfo
# shellcheck disable=SC2086  # lists of names
read_files $tfdocker_limits $tfdocker_counters
tell "\"limits\":{\"/proc/meminfo\":\"$tfdocker_swap\"$tfdocker_files}"
[ $# -gt 0 ] || exit 0

exec 3<&0 4>&2 </dev/null
# Of a program that ends its whole group, and with it us
trap '' HUP INT QUIT ALRM TERM USR1 USR2
# One between PID 1 and the program can always be killed, whosever the program is: PID 1 then ends,
# and the kernel ends what is left. In the foreground, since a shell's jobs have SIGINT ignored.
(
    read -r tfdocker_me tfdocker_x </proc/self/stat || exit 125
    (
        while read -r tfdocker_name tfdocker_x; do kill "-$tfdocker_name" "$tfdocker_x"; done
        kill -KILL "$tfdocker_me"
    ) <&3 3<&- 4>&- >/dev/null &
    tfdocker_lifeline=$!
    # Where there is a `sleep`: the peer that a TCP connection has lost never ends our input
    (sleep "$tfdocker_deadline" && kill -KILL "$tfdocker_me") 3<&- 4>&- >/dev/null &
    trap : HUP INT QUIT ALRM TERM USR1 USR2 # which a child does not inherit, as what is ignored
    (
        read -r tfdocker_me tfdocker_x </proc/self/stat
        # The kernel then kills the program, and not the shell: raising needs no privilege
        printf 1000 2>/dev/null >/proc/self/oom_score_adj
        read -r tfdocker_text tfdocker_x </proc/uptime
        find_program "$1"
        refuse_what_no_kernel_starts
        tell "\"child\":$tfdocker_me,\"uptime\":$tfdocker_text"
        shift
        exec "$tfdocker_path" "$@"
    ) 2>&4 3<&- 4>&-
    tfdocker_text=$?
    kill -KILL $tfdocker_lifeline $!
    exit $tfdocker_text
) 2>/dev/null
tfdocker_code=$?
read -r tfdocker_uptime tfdocker_x </proc/uptime
# shellcheck disable=SC2086
read_files $tfdocker_counters
tell "\"ended\":{\"exit_code\":$tfdocker_code,\"uptime\":$tfdocker_uptime,\"files\":{${tfdocker_files#,}}}"
