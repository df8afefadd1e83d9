#!/bin/sh
# guile 3.0.8 (Debian 12). `bind` takes a string for AF_UNIX, and Guile's strings may hold a NUL, with
# which an abstract name begins. A good guess: the name is bound, or refused. Seen: bind succeeds,
# and the kernel has picked another name (five hexadecimal digits): what follows the NUL is gone,
# which leaves an empty path, and that asks for any name. LuaSocket 3.1.0 (socket.unix) does the same.
. "$(dirname "$0")/common.sh"
debian_packages guile-3.0=3.0.8-2 guile-3.0-libs=3.0.8-2 libgc1=1:8.2.2-3 libunistring2=1.0-2
cat >run.scm <<'END'
(use-modules (ice-9 textual-ports) (ice-9 string-fun))
(define socket-a (socket PF_UNIX SOCK_STREAM 0))
(bind socket-a AF_UNIX (string-append (string #\nul) "finding-of-guile"))
(define list-of-sockets (call-with-input-file "/proc/net/unix" get-string-all))
(format #t "bound without an error~%")
(format #t "the name is taken: ~a~%" (if (string-contains list-of-sockets "@finding-of-guile") 'yes 'no))
END
lib=$root/usr/lib/x86_64-linux-gnu
seen=$(LD_LIBRARY_PATH=$lib GUILE_AUTO_COMPILE=0 GUILE_SYSTEM_PATH=$root/usr/share/guile/3.0 \
    GUILE_SYSTEM_COMPILED_PATH=$lib/guile/3.0/ccache "$root/usr/bin/guile" -s run.scm 2>/dev/null ||
    LD_LIBRARY_PATH=$lib GUILE_AUTO_COMPILE=0 GUILE_LOAD_PATH=$root/usr/share/guile/3.0 \
    GUILE_LOAD_COMPILED_PATH=$lib/guile/3.0/ccache "$lib/guile/3.0/bin/guile" -s run.scm)
verdict "$seen" "bound without an error
the name is taken: no"
