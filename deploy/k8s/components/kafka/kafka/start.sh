#!/bin/sh
# A broker's number and address are its pod's. What is formatted already stays as it is.
set -e
properties=/tmp/server.properties
cat /etc/kafka-brokers/server.properties > $properties
echo "node.id=${HOSTNAME##*-}" >> $properties
echo "advertised.listeners=PLAINTEXT://$HOSTNAME.kafka-brokers.$NAMESPACE.svc:9092" >> $properties
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id ZnJhbWVsb2cta2Fma2EtMQ --config $properties
exec /opt/kafka/bin/kafka-server-start.sh $properties
