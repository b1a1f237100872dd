#!/bin/sh
# docs/series.md and the dashboard are what scripts/series.py makes of src/report/series.def; it refuses
# a panel whose series is no row.
cd "$(dirname "$0")/../.." || exit 1
command -v python3 > /dev/null || { echo "no python3"; exit 77; }
scripts/series.py docs | cmp -s - docs/series.md || { echo "docs/series.md is not what scripts/series.py docs prints"; exit 1; }
scripts/series.py dashboard | cmp -s - packaging/grafana-dashboard.json || { echo "the dashboard is not what scripts/series.py dashboard prints"; exit 1; }
