#!/bin/sh
# Lets the examples talk to each other, in processes of their own, and shows what they say.
# If anything goes wrong it says so and fails; nothing is left running, and no file.
#
#     make run      (or: sh run.sh build)

RUNNER=${RUNNER:-}
build=$(cd "${1:-build}" && pwd) || exit 1
dir=$(mktemp -d) || exit 1
cd "$dir" || exit 1

clean_up() {
    for pid in *.pid; do
        [ -f "$pid" ] && kill -KILL "$(cat "$pid")" 2>/dev/null
    done
    cd / && rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

fail() {
    printf '\nrun.sh: FAILED: %s\n' "$*" >&2
    for log in *.log; do
        [ -s "$log" ] && sed "s/^/    $log: /" "$log" >&2
    done
    exit 1
}

# Ends the last line, too, if the program did not.
indent() {
    awk '{ print "    " $0 }'
}

title() {
    printf '\n=== %s\n\n' "$*"
}

# Runs a command, one of the examples or another, which has to succeed.
show() {
    printf '$ %s\n' "$*"
    command=$1
    if [ -x "$build/$1" ]; then
        shift
        $RUNNER "$build/$command" "$@" >show.log 2>&1
    else
        "$@" >show.log 2>&1
    fi
    status=$?
    indent <show.log
    [ $status -eq 0 ] || fail "$command ended with status $status"
}

# Runs a client that must not be let in.
show_refused() {
    printf '$ %s\n' "$*"
    "$@" >show.log 2>&1
    status=$?
    indent <show.log
    [ $status -eq 1 ] && grep -q "not let in" show.log || fail "status $status, and not refused"
}

# Starts an example in the background. What it says goes to a file.
start() {
    start_as "$1" "$@"
}

# The same under another name, for an example that runs more than once.
start_as() {
    name=$1
    shift
    printf '$ %s &\n' "$*"
    program=$1
    shift
    rm -f "$name.status" "$name.log"
    (
        $RUNNER "$build/$program" "$@" >"$name.log" 2>&1 &
        echo $! >"$name.pid"
        wait $! 2>/dev/null
        echo $? >"$name.status"
    ) &
}

# Runs an example in the background again and again, until it fails or has done enough.
start_loop() {
    printf '$ while %s; do :; done &\n' "$*"
    program=$1
    shift
    rm -f loop.status enough
    echo 0 >loop.rounds
    (
        rounds=0
        status=0
        while [ $status -eq 0 ] && [ ! -e enough ]; do
            $RUNNER "$build/$program" "$@" >loop.log 2>&1
            status=$?
            rounds=$((rounds + 1))
            echo $rounds >loop.new && mv loop.new loop.rounds
        done
        [ $status -ne 0 ] || echo "$rounds times, each with success" >loop.log
        echo $status >loop.status
    ) &
    echo $! >loop.pid
}

# Waits until the loop has gone round twice more, so once from beginning to end.
await_loop() {
    wanted=$(($(cat loop.rounds) + 2))
    attempts=0
    until [ "$(cat loop.rounds)" -ge $wanted ]; do
        [ -s loop.status ] && fail "the loop ended with status $(cat loop.status)"
        again "the loop hangs"
    done
}

# Waits until what was started has said this, for half a minute at most.
await() {
    attempts=0
    until [ -s "$1.pid" ] && grep -q "$2" "$1.log" 2>/dev/null; do
        [ -s "$1.status" ] && fail "$1 ended with status $(cat "$1.status")"
        again "$1 never said: $2"
    done
}

# Waits until what was started has ended, which has to be with success.
finish() {
    attempts=0
    until [ -s "$1.status" ]; do
        again "$1 does not end"
    done
    rm -f "$1.pid"
    indent <"$1.log"
    [ "$(cat "$1.status")" -eq 0 ] || fail "$1 ended with status $(cat "$1.status")"
}

again() {
    attempts=$((attempts + 1))
    [ $attempts -le 300 ] || fail "$1"
    sleep 0.1 2>/dev/null || sleep 1
}

# Ends what was started with a signal, SIGTERM if no other is named.
stop() {
    printf '$ kill -%s %s\n' "${2:-TERM}" "$1"
    kill "-${2:-TERM}" "$(cat "$1.pid")" || fail "$1 is not running"
    finish "$1"
}

# Ends it with the signal that leaves it no time for anything.
murder() {
    printf '$ kill -KILL %s\n' "$1"
    kill -KILL "$(cat "$1.pid")" || fail "$1 is not running"
    attempts=0
    until [ -s "$1.status" ]; do
        again "$1 does not end"
    done
    rm -f "$1.pid"
}

gone() {
    printf '$ ls %s\n' "$1"
    ls -d "$1" 2>&1 | indent
    [ ! -e "$1" ] || fail "$1 is still there"
}

for kind in stream seqpacket; do
    title "Echo over a $kind socket"
    start echo_server $kind echo.sock
    await echo_server serving
    show echo_client $kind echo.sock
    stop echo_server
    gone echo.sock
done

for kind in stream seqpacket; do
    title "Echo for many clients in one thread, over a $kind socket"
    start echo_many $kind many.sock
    await echo_many serving
    start_loop echo_client $kind many.sock
    await_loop
    show echo_client $kind many.sock
    touch enough
    finish loop
    stop echo_many
    gone many.sock
done

title "A relay: between a client and a server that do not know of it, and each sees the other end"
start relay front.sock echo.sock
await relay "goes to"
start echo_server stream echo.sock
await echo_server serving
start_loop echo_client stream front.sock
await_loop
show echo_client stream front.sock
touch enough
finish loop
stop echo_server
stop relay
gone front.sock

title "Datagrams that are answered, at a file of the client's own and at a kernel-picked name"
start datagram_server datagram.sock
await datagram_server serving
show datagram_client datagram.sock client.sock
gone client.sock
show datagram_client datagram.sock @
stop datagram_server
gone datagram.sock

title "HTTP over a socket file"
start http_server http.sock
await http_server serving
show http_client http.sock /
if command -v curl >/dev/null; then
    show curl -sS --fail --unix-socket http.sock http://localhost/ http://localhost/
    show curl -sS --fail --unix-socket http.sock http://localhost/echo -d "This comes back."
fi
stop http_server
gone http.sock

title "A server is ended and started again; its client loses nothing"
start echo_server seqpacket echo.sock
await echo_server serving
start reconnecting_client echo.sock 15
await reconnecting_client "message 5 came back"
stop echo_server
gone echo.sock
sleep 1
start echo_server seqpacket echo.sock
finish reconnecting_client
grep -q "reconnected, sending" reconnecting_client.log || fail "the client did not reconnect"
stop echo_server
gone echo.sock

title "A server is killed: its file stays, and is no obstacle to the next start"
start echo_server stream echo.sock
await echo_server serving
murder echo_server
show ls echo.sock
start echo_server stream echo.sock
await echo_server serving
show echo_client stream echo.sock
stop echo_server INT
gone echo.sock

title "A server is replaced while it runs; clients in a loop see nothing of it"
start_as first hot_restart hot.sock
await first serving
start_loop echo_client stream hot.sock
await_loop
start_as second hot_restart hot.sock
await second serving
finish first
await_loop
touch enough
finish loop
stop second
gone hot.sock

title "A listener that was inherited; its file belongs to who made it, so it stays"
start adopted_listener adopted.sock
await adopted_listener serving
show echo_client stream adopted.sock
stop adopted_listener
show ls adopted.sock
show rm adopted.sock

title "A server that a service manager starts when somebody calls, or that is started by hand"
start activated_server activated.sock
await activated_server "started by hand"
show echo_client stream activated.sock
stop activated_server
gone activated.sock
if command -v systemd-socket-activate >/dev/null; then
    listen="systemd-socket-activate --listen=$dir/activated.sock"
    printf '    started by %s:\n' "$listen"
    (RUNNER="$listen $RUNNER" && start activated_server)
    await activated_server Listening
    show echo_client stream activated.sock
    await activated_server "activated as"
    stop activated_server
    show rm activated.sock
fi

title "Only who is on the list comes in, and is told who that is"
me=$(id -un 2>/dev/null) || me=$(id -u)
start authenticated_server auth.sock "user:$me"
await authenticated_server serving
show authenticated_server auth.sock
# Another user, if this one may become it, and it gets to the program and the socket.
chmod 711 .
other="setpriv --reuid=65534 --regid=65534 --clear-groups"
if $other test -x "$build/authenticated_server" 2>/dev/null && $other test -w "$dir/auth.sock"; then
    show_refused $other "$build/authenticated_server" auth.sock
fi
stop authenticated_server
gone auth.sock
start authenticated_server auth.sock "user:$(($(id -u) + 1))"
await authenticated_server serving
show_refused "$build/authenticated_server" auth.sock
stop authenticated_server
grep -q "refused 1" authenticated_server.log || fail "nobody was counted"
gone auth.sock

title "A file is read by one who may not open it"
echo "This is the secret." >secret.txt
chmod 400 secret.txt
start pass_descriptor agent agent.sock secret.txt
await pass_descriptor serving
# Nobody, which root's worker becomes, has to get to the socket; another user's worker
# may not open the file either from now on.
chmod 711 .
chmod 000 secret.txt
show pass_descriptor worker agent.sock
grep -q "open secret.txt: Permission denied" show.log || fail "it may open the file"
grep -q "This is the secret." show.log || fail "it did not read the file"
stop pass_descriptor
gone agent.sock
rm secret.txt

title "Datagrams whose senders are known"
start credentials_datagram datagram.sock
await credentials_datagram serving
show datagram_client datagram.sock client.sock
show datagram_client datagram.sock @
stop credentials_datagram
grep -q "process [1-9][0-9]*, user $(id -u), group $(id -g)" credentials_datagram.log ||
    fail "the sender is not known"
gone datagram.sock

title "Where the time goes: connect, send 5 bytes, receive them back, close"
show profile "${ROUNDS:-10000}"

title "Everything worked. What is left:"
show find . -name '*.sock'
[ ! -s show.log ] || fail "socket files are left"
printf '    nothing\n'
