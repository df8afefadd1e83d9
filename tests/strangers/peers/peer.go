// The peers in Go, in the shapes that the tutorials of package net have.
//
//	peer ROLE ADDRESS [LOCAL ADDRESS]
//
// Addresses are written as for the library. Go knows "@name" too; only the NUL has to
// be put in. Servers say "ready", and run until they are killed.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// What the clients and servers of messages exchange.
var messages = [][]byte{[]byte("hello"), {}, everyByte()}

func main() {
	role, address := os.Args[1], name(os.Args[2])
	switch role {
	case "stream-server":
		streamServer(address)
	case "stream-client":
		streamClient(address)
	case "http-server":
		httpServer(address)
	case "http-client":
		httpClient(address)
	case "datagram-server":
		datagramServer(address)
	case "datagram-client":
		datagramClient(address, name(os.Args[3]))
	case "seqpacket-server":
		seqpacketServer(address)
	case "seqpacket-client":
		seqpacketClient(address)
	default:
		log.Fatal("no such role: ", role)
	}
}

func streamServer(address string) {
	listener, err := net.Listen("unix", address)
	check(err)
	for {
		conn, err := listener.Accept()
		check(err)
		go func() {
			defer conn.Close()
			io.Copy(conn, conn)
		}()
	}
}

func streamClient(address string) {
	conn, err := net.Dial("unix", address)
	check(err)
	go func() {
		io.Copy(conn, os.Stdin)
		conn.(*net.UnixConn).CloseWrite()
	}()
	_, err = io.Copy(os.Stdout, conn)
	check(err)
}

func httpServer(address string) {
	listener, err := net.Listen("unix", address)
	check(err)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		check(err)
		if r.Method == "GET" {
			body = []byte("hello from " + r.URL.Path)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body)
	})
	check(http.Serve(listener, nil))
}

func httpClient(address string) {
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", address)
		},
	}}
	response, err := client.Get("http://unix/client")
	check(err)
	_, err = io.Copy(os.Stdout, response.Body)
	check(err)
	response.Body.Close()
	fmt.Println()
	response, err = client.Post("http://unix/", "application/octet-stream", stdin())
	check(err)
	_, err = io.Copy(os.Stdout, response.Body)
	check(err)
}

func datagramServer(address string) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	check(err)
	fmt.Println("ready")
	buffer := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUnix(buffer)
		check(err)
		_, err = conn.WriteToUnix(buffer[:n], from)
		check(err)
	}
}

func datagramClient(address, local string) {
	conn, err := net.DialUnix("unixgram",
		&net.UnixAddr{Name: local, Net: "unixgram"},
		&net.UnixAddr{Name: address, Net: "unixgram"})
	check(err)
	defer os.Remove(local)
	buffer := make([]byte, 1<<16)
	for _, message := range messages {
		_, err = conn.Write(message)
		check(err)
		n, from, err := conn.ReadFromUnix(buffer)
		check(err)
		same(buffer[:n], message)
		if from.Name != address {
			log.Fatal("answered by ", from.Name)
		}
	}
}

// Go takes an empty message for io.EOF, though the connection goes on: n alone tells
// what came, and how many messages to expect has to be known.
func seqpacketServer(address string) {
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: address, Net: "unixpacket"})
	check(err)
	for {
		conn, err := listener.AcceptUnix()
		check(err)
		buffer := make([]byte, 1<<16)
		for range messages {
			n, _ := conn.Read(buffer)
			_, err = conn.Write(buffer[:n])
			check(err)
		}
		conn.Close()
	}
}

func seqpacketClient(address string) {
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: address, Net: "unixpacket"})
	check(err)
	for _, message := range messages {
		_, err = conn.Write(message)
		check(err)
	}
	buffer := make([]byte, 1<<16)
	for _, message := range messages {
		n, _ := conn.Read(buffer)
		same(buffer[:n], message)
	}
	check(conn.Close())
}

func everyByte() []byte {
	message := make([]byte, 256*150)
	for i := range message {
		message[i] = byte(i)
	}
	return message
}

func name(text string) string {
	return strings.ReplaceAll(text, `\0`, "\x00")
}

// Of a known length, so that the body is not sent in chunks.
func stdin() io.Reader {
	data, err := io.ReadAll(os.Stdin)
	check(err)
	return bytes.NewReader(data)
}

func same(got, want []byte) {
	if !bytes.Equal(got, want) {
		log.Fatalf("got %d bytes, not the %d that were sent", len(got), len(want))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
