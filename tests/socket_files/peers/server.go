// A server that says, when asked, whether anybody came.
//
//	server KIND ADDRESS
//
// It says its process number once it serves, and at the end of its input what it found.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"syscall"
)

func main() {
	kind, address := os.Args[1], os.Args[2]
	var server syscall.Conn
	var err error
	var come func(fd int) error
	switch kind {
	case "stream", "seqpacket":
		network := map[string]string{"stream": "unix", "seqpacket": "unixpacket"}[kind]
		server, err = net.ListenUnix(network, &net.UnixAddr{Name: address, Net: network})
		come = func(fd int) error {
			_, _, err := syscall.Accept4(fd, syscall.SOCK_CLOEXEC)
			return err
		}
	case "datagram":
		server, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
		come = func(fd int) error {
			_, err := syscall.Read(fd, make([]byte, 1))
			return err
		}
	}
	if err != nil {
		log.Fatal(err)
	}
	raw, err := server.SyscallConn()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(os.Getpid())
	io.Copy(io.Discard, os.Stdin)
	raw.Control(func(fd uintptr) {
		switch err := come(int(fd)); err {
		case nil:
			fmt.Println("somebody came")
		case syscall.EAGAIN:
			fmt.Println("nobody came")
		default:
			log.Fatal(err)
		}
	})
}
