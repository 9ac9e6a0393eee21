// confluent-kafka-go, librdkafka from Go, behind the bridge.
//
// client.go is the client and its topics, produce.go what writes, consume.go what reads; all three serve version 1.9
// too, whose import path the installer puts in. admin.go is what only version 2 has; ../confluent_go_1_9 has another.
package main

import "walser/compat/bridge"

func main() {
	bridge.Serve(open)
}
