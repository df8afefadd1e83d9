#!/bin/sh
# sbcl 2:2.2.9 (Debian 12), sb-bsd-sockets. A path of more than 107 bytes does not fit into
# sockaddr_un. A good guess: an error, as from most languages. Seen: the path is cut to 107 bytes
# and bound, without a condition; clients that were told the whole path find nobody, and two long
# paths that begin alike are one socket.
. "$(dirname "$0")/common.sh"
debian_packages sbcl=2:2.2.9-1
cat >run.lisp <<'END'
(require :sb-bsd-sockets)
(let ((path (concatenate 'string "/tmp/sbcl-" (format nil "~d" (sb-posix:getpid))
                         (make-string 120 :initial-element #\x)))
      (socket (make-instance 'sb-bsd-sockets:local-socket :type :stream)))
  (sb-bsd-sockets:socket-bind socket path)
  (let ((name (sb-bsd-sockets:socket-name socket)))
    (format t "bound: ~d bytes~%" (length name))
    (sb-posix:unlink name)))
END
seen=$(SBCL_HOME=$root/usr/lib/sbcl "$root/usr/bin/sbcl" --noinform --non-interactive --no-userinit \
    --eval '(require :sb-posix)' --load run.lisp)
verdict "$seen" "bound: 107 bytes"
