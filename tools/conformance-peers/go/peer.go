// An echo server or client with gorilla/websocket or nhooyr.io/websocket, and with permessage-deflate. `peer gorilla` and
// `peer nhooyr` serve and print their port. `peer <library> <url>` is a client: it reconnects until a Close with code 4321.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
	nhooyr "nhooyr.io/websocket"
)

const limit = 1 << 25

func echoGorilla(peer *websocket.Conn) int {
	defer peer.Close()
	for {
		kind, message, err := peer.ReadMessage()
		if err != nil {
			var closed *websocket.CloseError
			if errors.As(err, &closed) {
				return closed.Code
			}
			return 0
		}
		// The library leaves UTF-8 validation to the application. This is what its own Autobahn example does.
		if kind == websocket.TextMessage && !utf8.Valid(message) {
			reason := websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, "")
			peer.WriteControl(websocket.CloseMessage, reason, time.Time{})
			return 0
		}
		if peer.WriteMessage(kind, message) != nil {
			return 0
		}
	}
}

func echoNhooyr(peer *nhooyr.Conn) int {
	defer peer.Close(nhooyr.StatusInternalError, "")
	peer.SetReadLimit(limit)
	for {
		kind, message, err := peer.Read(context.Background())
		if err != nil {
			return int(nhooyr.CloseStatus(err))
		}
		if peer.Write(context.Background(), kind, message) != nil {
			return 0
		}
	}
}

func serve(name string) {
	upgrader := websocket.Upgrader{EnableCompression: true, CheckOrigin: func(*http.Request) bool { return true }}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(listener, http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if name == "gorilla" {
			if peer, err := upgrader.Upgrade(answer, request, nil); err == nil {
				echoGorilla(peer)
			}
		} else if peer, err := nhooyr.Accept(answer, request, &nhooyr.AcceptOptions{InsecureSkipVerify: true}); err == nil {
			echoNhooyr(peer)
		}
	})))
}

func visit(name string, url string) int {
	if name == "gorilla" {
		dialer := websocket.Dialer{EnableCompression: true}
		peer, _, err := dialer.Dial(url, nil)
		if err != nil {
			return 0
		}
		return echoGorilla(peer)
	}
	peer, _, err := nhooyr.Dial(context.Background(), url, nil)
	if err != nil {
		return 0
	}
	return echoNhooyr(peer)
}

func main() {
	if len(os.Args) < 3 {
		serve(os.Args[1])
	}
	var loops sync.WaitGroup
	for i := 0; i < 4; i++ {
		loops.Add(1)
		go func() {
			for visit(os.Args[1], os.Args[2]) != 4321 {
			}
			loops.Done()
		}()
	}
	loops.Wait()
}
