# A collector that is not there: monitor goes on, drops are counted, and at the end it says so.
"$FRUGAL" monitor --otlp http://127.0.0.1:9/v1/metrics --for 0.6 --interval 0.2 --ledger ""
