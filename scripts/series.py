#!/usr/bin/env python3
"""Makes what is made from the rows of src/report/series.def: the page of the docs and the dashboard.

usage: scripts/series.py docs > docs/series.md
       scripts/series.py dashboard > packaging/grafana-dashboard.json
"""
import json, pathlib, re, sys

top = pathlib.Path(__file__).resolve().parent.parent
UNITS = {"ONE": ("", "short"), "PERCENT": ("%", "percent"), "JOULES": ("J", "joule"), "WATTS": ("W", "watt"),
         "GRAMS": ("g", "massg"), "BYTES": ("bytes", "bytes"), "SECONDS": ("s", "s"), "HERTZ": ("Hz", "hertz"),
         "CELSIUS": ("°C", "celsius")}


def rows():
    text = re.sub(r"/\*.*?\*/", "", (top / "src/report/series.def").read_text(), flags=re.S)
    for name, kind, unit, help_ in re.findall(r'SERIES\(\s*"([^"]+)",\s*(\w+),\s*(\w+),\s*"([^"]*)"\s*\)', text):
        yield name, kind.lower(), unit, help_


def prometheus(name):
    return re.sub(r"[^a-zA-Z0-9_:]", "_", name)


def docs():
    print("# Series of frugal monitor\n")
    print("Made from `src/report/series.def` by `scripts/series.py docs`. CloudWatch, OTLP and the file carry the names as they")
    print("stand; Prometheus gets its own alphabet (a dot becomes an underscore). CloudWatch is told what a counter grew in the")
    print("interval. A series that cannot be read is absent, never zero. `method` says how a figure was got: measured, modelled")
    print("or mixed; low and high are the range that goes with it.\n")
    print("| series | kind | unit | meaning |\n| --- | --- | --- | --- |")
    for name, kind, unit, help_ in rows():
        print(f"| `{name}` | {kind} | {UNITS[unit][0]} | {help_} |")


PANELS = [  # title, width, [(expression, legend)]; names in braces are series of the table
    ("Draw by device", 12, [("{frugal_power_watts}", "{{device}} ({{method}})")]),
    ("Energy of the last hour", 6, [("sum(increase({frugal_energy_joules_total}[1h])) / 3600", "Wh")]),
    ("Carbon of the last 24 hours", 6, [("sum(increase({frugal_carbon_grams_total}[24h]))", "gCO2e")]),
    ("Idle against work", 12, [("sum by (part) (rate({frugal_energy_joules_total}[5m]))", "{{part}}")]),
    ("How sure: low and high", 12, [("sum({frugal_power_low_watts})", "low"), ("sum({frugal_power_watts})", "best"),
                                    ("sum({frugal_power_high_watts})", "high")]),
    ("Processor and memory", 12, [("{CPUUtilization}", "processor"), ("{MemoryUtilization}", "memory"),
                                  ("{DiskUtilization}", "disk {{path}}")]),
    ("GPUs and NeuronCores", 12, [("{GPUUtilization}", "GPU {{gpu}}"), ("{GPUMemoryUtilization}", "GPU {{gpu}} memory"),
                                  ("{neuroncore_utilization}", "NeuronCore {{neuroncore}}")]),
    ("Joules per generated token", 12, [("{frugal_engine_token_joules}", "{{model}}"),
                                        ("{frugal_engine_token_low_joules}", "{{model}} low"),
                                        ("{frugal_engine_token_high_joules}", "{{model}} high")]),
    ("Idle draw of served models", 6, [("{frugal_engine_idle_watts}", "{{model}}")]),
    ("Tokens per second", 6, [("rate({frugal_engine_tokens_total}[5m])", "{{model}} {{kind}}")]),
    ("Performance state and clock", 12, [("{nvidia_smi.gpu_performance_state}", "P-state of GPU {{gpu}}")]),
    ("What monitor itself takes", 6, [("rate({frugal_monitor_cpu_seconds_total}[5m])", "cores")]),
    ("Batches that were dropped", 6, [("rate({frugal_sink_dropped_total}[5m])", "{{sink}}")]),
]


def dashboard():
    known = {name: (kind, unit) for name, kind, unit, _ in rows()}
    panels, x, y = [], 0, 0
    for i, (title, width, targets) in enumerate(PANELS):
        used = []

        def named(match):
            used.append(match.group(1))
            return prometheus(match.group(1))

        expressions = [(re.sub(r"(?<!\{)\{([\w.]+)\}(?!\})", named, e), legend) for e, legend in targets]
        missing = [u for u in used if u not in known]
        if missing:
            sys.exit(f"series.py: no such series: {missing}")
        unit = UNITS[known[used[0]][1]][1]
        if any("rate(" in e for e, _ in expressions):
            unit = {"joule": "watt"}.get(unit, "short")
        if any("increase(" in e for e, _ in expressions):
            unit = "watth" if "joules" in used[0] else "massg"
        if x + width > 24:
            x, y = 0, y + 8
        panels.append({"id": i + 1, "type": "timeseries" if width == 12 or "increase" not in expressions[0][0] else "stat",
                       "title": title, "gridPos": {"h": 8, "w": width, "x": x, "y": y},
                       "datasource": {"type": "prometheus", "uid": "${datasource}"},
                       "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
                       "targets": [{"refId": chr(65 + k), "expr": e, "legendFormat": legend}
                                   for k, (e, legend) in enumerate(expressions)]})
        x += width
    print(json.dumps({"title": "frugal: energy, carbon and use", "uid": "frugal-monitor", "schemaVersion": 39, "version": 1,
                      "editable": True, "refresh": "30s", "time": {"from": "now-6h", "to": "now"}, "tags": ["energy", "frugal"],
                      "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus",
                                               "label": "Prometheus"}]},
                      "panels": panels}, indent=1))


{"docs": docs, "dashboard": dashboard}[sys.argv[1]]()
