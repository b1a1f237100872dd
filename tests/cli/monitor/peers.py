"""Runs frugal monitor against local servers and reads what it sends with the peers' own readers."""
import datetime, http.server, json, os, re, subprocess, threading, time, urllib.request
from unittest import mock
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

seen = []


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        seen.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
keys = dict(AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            AWS_SESSION_TOKEN="a/session/token=", AWS_REGION="eu-west-3", AWS_ENDPOINT_URL=url + "/aws/", NO_PROXY="127.0.0.1")
run = subprocess.Popen([os.environ["FRUGAL"], "monitor", "--listen", "127.0.0.1:0", "--otlp", url, "--cloudwatch", "put",
                        "--interval", "0.3", "--ledger", "l.db"], stderr=subprocess.PIPE, text=True, env={**os.environ, **keys})
page = re.search(r"http://\S+", run.stderr.readline()).group()
deadline = time.time() + 20
while len({p for p, _, _ in seen}) < 2 and time.time() < deadline:
    time.sleep(0.1)


def get(accept):
    return urllib.request.urlopen(urllib.request.Request(page, headers={"Accept": accept})).read().decode()


plain = {m.name: m for m in prometheus(get("text/plain"))}
families = {m.name: m for m in openmetrics(get("application/openmetrics-text; version=1.0.0"))}
run.terminate()
assert run.wait(10) == 0, run.stderr.read()
assert families["frugal_energy_joules"].type == "counter" and families["frugal_energy_joules"].unit == "joules"
assert families["CPUUtilization"].type == plain["CPUUtilization"].type == "gauge"

path, headers, body = next(s for s in seen if s[0] == "/v1/metrics")
message = json_format.Parse(body, ExportMetricsServiceRequest())  # refuses unknown keys and wrong types
metrics = {m.name: m for m in message.resource_metrics[0].scope_metrics[0].metrics}
assert metrics["frugal_energy_joules_total"].sum.is_monotonic and metrics["frugal_energy_joules_total"].unit == "J"
assert 0 <= metrics["CPUUtilization"].gauge.data_points[0].as_double <= 100
assert metrics["CPUUtilization"].gauge.data_points[0].time_unix_nano > 1.7e18

path, headers, body = next(s for s in seen if s[0] == "/aws/")
model = botocore.session.get_session().get_service_model("cloudwatch")
asked = json.loads(body)
for datum in asked["MetricData"]:
    datum["Timestamp"] = datetime.datetime.fromtimestamp(datum["Timestamp"])
report = ParamValidator().validate(asked, model.operation_model("PutMetricData").input_shape)
assert not report.has_errors(), report.generate_report()
units = set(model.shape_for("StandardUnit").enum)
assert all(d["Unit"] in units and len(d["Dimensions"]) <= 30 for d in asked["MetricData"])
request = AWSRequest("POST", url + "/aws/", data=body, headers={k: headers[k] for k in ("Content-Type", "X-Amz-Target")})
now = datetime.datetime.strptime(headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
with mock.patch("botocore.auth.get_current_datetime", return_value=now):
    SigV4Auth(Credentials(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], keys["AWS_SESSION_TOKEN"]),
              "monitoring", "eu-west-3").add_auth(request)
assert request.headers["Authorization"] == headers["Authorization"], (request.headers["Authorization"], headers["Authorization"])
print("ok")
