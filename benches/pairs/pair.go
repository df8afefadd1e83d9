// The two parties over Go's net package. See pair.h for the command line.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

const readSize = 64 * 1024

type task struct {
	isServer bool
	work     string
	network  string
	size     int
	count    int
	address  string
}

var networks = map[string]string{"stream": "unix", "seqpacket": "unixpacket", "dgram": "unixgram"}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	check(err)
	return value
}

func parse(words []string) task {
	if len(words) != 7 {
		log.Fatal("usage: server|client WORK KIND SIZE COUNT ADDRESS")
	}
	return task{words[1] == "server", words[2], networks[words[3]], number(words[4]),
		number(words[5]), words[6]}
}

func (t *task) listen() net.Listener {
	listener, err := net.Listen(t.network, t.address)
	check(err)
	fmt.Println("ready")
	return listener
}

func (t *task) accept(listener net.Listener) net.Conn {
	connection, err := listener.Accept()
	check(err)
	return connection
}

func (t *task) dial() net.Conn {
	var from net.Addr
	if t.network == "unixgram" {
		from = t.name(t.address + ".client")
	}
	dialer := net.Dialer{LocalAddr: from}
	connection, err := dialer.Dial(t.network, t.address)
	check(err)
	return connection
}

func (t *task) name(path string) *net.UnixAddr {
	return &net.UnixAddr{Name: path, Net: t.network}
}

// answering is a datagram server's socket, which net can't connect to its client.
type answering struct {
	*net.UnixConn
	client *net.UnixAddr
}

func (a answering) Write(data []byte) (int, error) { return a.WriteToUnix(data, a.client) }

func (t *task) open() net.Conn {
	if !t.isServer {
		connection := t.dial()
		if t.network == "unixgram" {
			_, err := connection.Write([]byte{0})
			check(err)
		}
		return connection
	}
	if t.network != "unixgram" {
		return t.accept(t.listen())
	}
	socket, err := net.ListenUnixgram(t.network, t.name(t.address))
	check(err)
	fmt.Println("ready")
	_, err = socket.Read(make([]byte, 1))
	check(err)
	return answering{socket, t.name(t.address + ".client")}
}

func (t *task) roundTrip(connection net.Conn, buffer []byte, count int) {
	for ; count > 0; count-- {
		if !t.isServer {
			_, err := connection.Write(buffer[:t.size])
			check(err)
		}
		_, err := io.ReadFull(connection, buffer[:t.size])
		check(err)
		if t.isServer {
			_, err := connection.Write(buffer[:t.size])
			check(err)
		}
	}
}

func (t *task) transfer(connection net.Conn, buffer []byte, count int) {
	if t.isServer {
		for left := t.size * count; left > 0; {
			received, err := connection.Read(buffer)
			check(err)
			left -= received
		}
		_, err := connection.Write(buffer[:1])
		check(err)
		return
	}
	for ; count > 0; count-- {
		_, err := connection.Write(buffer[:t.size])
		check(err)
	}
	_, err := connection.Read(buffer)
	check(err)
}

func (t *task) connectCycle(listener net.Listener, buffer []byte, count int) {
	for ; count > 0; count-- {
		var connection net.Conn
		if t.isServer {
			connection = t.accept(listener)
		} else {
			connection = t.dial()
		}
		t.roundTrip(connection, buffer, 1)
		check(connection.Close())
	}
}

// cpuTime is the process's CPU time so far.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func (t *task) measure(run func(count int)) {
	run(t.count/5 + 1)
	start, cpu := time.Now(), cpuTime()
	run(t.count)
	wall, cpu := time.Since(start), cpuTime()-cpu
	if !t.isServer {
		fmt.Printf("ns_per_operation %.1f\n", float64(wall)/float64(t.count))
	}
	fmt.Printf("cpu_ns_per_operation %.1f\n", float64(cpu)/float64(t.count))
}

func main() {
	log.SetFlags(0)
	t := parse(os.Args)
	buffer := make([]byte, readSize)
	if t.size > readSize {
		buffer = make([]byte, t.size)
	}
	switch t.work {
	case "connect":
		var listener net.Listener
		if t.isServer {
			listener = t.listen()
		}
		t.measure(func(count int) { t.connectCycle(listener, buffer, count) })
	case "transfer":
		connection := t.open()
		t.measure(func(count int) { t.transfer(connection, buffer, count) })
	default:
		connection := t.open()
		t.measure(func(count int) { t.roundTrip(connection, buffer, count) })
	}
}
