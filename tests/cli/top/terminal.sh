# On a terminal: 80x24 and after a resize no line is too wide, keys work, and whatever ends it (q, Ctrl-C,
# SIGTERM) the terminal is as it was. NO_COLOR and an ASCII locale are heeded.
command -v python3 > /dev/null || { echo "no python3 for a terminal"; exit 77; }
python3 "$TOP/tests/cli/top/terminal.py"
