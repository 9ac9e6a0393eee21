// sarama behind the bridge.
//
// client.go is the client and its administration, produce.go what writes, consume.go what reads.
package main

import "walser/compat/bridge"

func main() {
	bridge.Serve(open)
}
