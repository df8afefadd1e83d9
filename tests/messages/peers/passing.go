// Messages with descriptors and credentials: passing ROLE KIND SERVER LOCAL [FILE ...]
//
// give: sends the files' descriptors with one message.
// take: says hello, takes one message, and prints it and what is in the files that came.
// who: says hello, takes one message, and prints it and its sender's pid, uid and gid.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"syscall"
)

var networks = map[string]string{"stream": "unix", "dgram": "unixgram", "seqpacket": "unixpacket"}

// Where datagrams go to: WriteMsgUnix does not take a connected datagram socket.
var to *net.UnixAddr

func main() {
	role, network := os.Args[1], networks[os.Args[2]]
	server := &net.UnixAddr{Name: os.Args[3], Net: network}
	local := &net.UnixAddr{Name: os.Args[4], Net: network}
	var peer *net.UnixConn
	var err error
	if network == "unixgram" {
		peer, err = net.ListenUnixgram(network, local)
		to = server
	} else {
		peer, err = net.DialUnix(network, local, server)
	}
	check(err)
	defer peer.Close()
	switch role {
	case "give":
		give(peer, os.Args[5:])
	case "take":
		take(peer)
	case "who":
		who(peer)
	}
}

func give(peer *net.UnixConn, names []string) {
	var descriptors []int
	for _, name := range names {
		file, err := os.Open(name)
		check(err)
		defer file.Close()
		descriptors = append(descriptors, int(file.Fd()))
	}
	write(peer, "take these", syscall.UnixRights(descriptors...))
}

func take(peer *net.UnixConn) {
	write(peer, "hello", nil)
	descriptors, err := syscall.ParseUnixRights(read(peer, syscall.CmsgSpace(4*253)))
	check(err)
	for _, descriptor := range descriptors {
		file := os.NewFile(uintptr(descriptor), "received")
		content, err := io.ReadAll(file)
		check(err)
		fmt.Println(string(content))
		file.Close()
	}
}

func who(peer *net.UnixConn) {
	raw, err := peer.SyscallConn()
	check(err)
	check(raw.Control(func(fd uintptr) {
		check(syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_PASSCRED, 1))
	}))
	write(peer, "hello", nil)
	sender, err := syscall.ParseUnixCredentials(read(peer, syscall.CmsgSpace(syscall.SizeofUcred)))
	check(err)
	fmt.Println(sender.Pid, sender.Uid, sender.Gid)
}

func write(peer *net.UnixConn, data string, beside []byte) {
	_, _, err := peer.WriteMsgUnix([]byte(data), beside, to)
	check(err)
}

// One message, which it prints, and the one thing that came beside it.
func read(peer *net.UnixConn, room int) *syscall.SocketControlMessage {
	data, beside := make([]byte, 100), make([]byte, room)
	size, besideSize, flags, _, err := peer.ReadMsgUnix(data, beside)
	check(err)
	if flags&syscall.MSG_CTRUNC != 0 {
		log.Fatal("there was not room for everything")
	}
	fmt.Println(string(data[:size]))
	messages, err := syscall.ParseSocketControlMessage(beside[:besideSize])
	check(err)
	if len(messages) != 1 {
		log.Fatalf("%d control messages", len(messages))
	}
	return &messages[0]
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
