cat > ask.json <<'J'
{"_type": "prompt", "input_variables": ["q"], "template": "{who} asks: {q}\n", "partial_variables": {"who": "Ada"}}
J
"$FRUGAL" prompt render ask.json --set q=why
