# Beside an engine: a page that counts tokens, and a machine whose counters draw 60 W at rest and half
# a joule a token. Twice in between the engine is gone and started anew.
command -v python3 > /dev/null || { echo "no python3 for the engine"; exit 77; }
cp -r "$FIXTURES/meter/two-sockets" machine
cat > engine.py <<'EOF'
import http.server, pathlib, time
caps = [pathlib.Path(f"machine/sys/class/powercap/{z}:0/energy_uj") for z in ("intel-rapl", "intel-rapl-mmio")]
uj = int(caps[0].read_text())
last, n, tokens = time.time(), 0, 0
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        global uj, last, n, tokens
        n += 1
        new = 0 if n % 3 == 1 else 37 * (n % 5 + 1)
        tokens = 0 if n in (9, 17) else tokens + new
        now = time.time()
        uj += int(60e6 * (now - last) + 0.5e6 * new)
        last = now
        for cap in caps:
            cap.write_text(f"{uj}\n")
        body = b"gone" if n == 8 else (
            'vllm:num_requests_running{model_name="org/m"} 0\n'
            f'vllm:prompt_tokens_total{{model_name="org/m"}} {tokens * 2}\n'
            f'vllm:generation_tokens_total{{model_name="org/m"}} {tokens}\n').encode()
        self.send_response(503 if n == 8 else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Page)
pathlib.Path("port").write_text(f"{server.server_port}\n")
server.serve_forever()
EOF
python3 engine.py & engine=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.05; done
NO_PROXY=127.0.0.1 "$FRUGAL" monitor --engine http://127.0.0.1:$(cat port) --interval 0.1 --for 3 --json --file day.jsonl \
    --ledger l.db --sysfs machine/sys --procfs machine/proc > end.json 2> said
status=$?
kill $engine
[ $status = 0 ] || { cat said; exit 1; }
python3 - <<'EOF'
import json
r = json.load(open("end.json"))
m = r["models"][0]
assert r["schema"] == 1 and m["model"] == "org/m", m
assert m["by"] == "intervals with and without requests", m
assert m["method"] in ("measured", "mixed"), m   # memory of the recorded machine is counted too
assert 0.40 < m["token_j"] < 0.60 and m["token_low_j"] < m["token_j"] < m["token_high_j"], m
assert m["intervals"] >= 15 and m["prompt_tokens"] == 2 * m["generated_tokens"], m
lines = [json.loads(l) for l in open("day.jsonl")]
names = {s["name"] for s in lines[-1]["series"]}
assert {"frugal_engine_token_joules", "frugal_engine_idle_watts", "frugal_engine_up", "frugal_engine_tokens_total"} <= names
up = [s["value"] for l in lines for s in l["series"] if s["name"] == "frugal_engine_up"]
assert 0 in up and 1 in up, up
print("ok")
EOF
grep -c 'answered 503' said
grep -c 'is back' said
"$FRUGAL" ledger show last --ledger l.db --json | grep -c '"token_j"\|"generated_tokens"'
