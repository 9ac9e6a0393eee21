module walser/compat/confluent_go

go 1.26.0

require (
	github.com/confluentinc/confluent-kafka-go/v2 v2.11.1
	walser/compat/bridge v0.0.0
)

replace walser/compat/bridge => ../go_bridge
