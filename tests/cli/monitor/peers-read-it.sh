# Readers that we did not write take what we send: prometheus_client's parsers, the OTLP messages of
# opentelemetry-proto, botocore's model of PutMetricData and its signature.
python=python3
"$python" -c 'import prometheus_client, botocore, google.protobuf, opentelemetry.proto.collector.metrics.v1' 2> /dev/null ||
    { echo "no prometheus_client, botocore and opentelemetry-proto for $python"; exit 77; }
FRUGAL=$FRUGAL "$python" "$TOP/tests/cli/monitor/peers.py"
