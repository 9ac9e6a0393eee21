module walser/compat/confluent_go_1_9

go 1.26.0

require (
	github.com/confluentinc/confluent-kafka-go v1.9.2
	walser/compat/bridge v0.0.0
)

replace walser/compat/bridge => ../go_bridge
