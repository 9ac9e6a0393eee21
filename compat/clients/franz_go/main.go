// franz-go (kgo and kadm) behind the bridge.
//
// client.go is the client and its administration, consume.go what reads.
package main

import "walser/compat/bridge"

func main() {
	bridge.Serve(open)
}
