// segmentio/kafka-go behind the bridge: Writer, Reader, ConsumerGroup, and Client for administration.
//
// client.go is the client and its administration, produce.go what writes, consume.go what reads.
package main

import "walser/compat/bridge"

func main() {
	bridge.Serve(open)
}
