cat > ask.jinja <<'J'
{% for m in messages %}
<|{{ m.role }}|>
{{ m.content | trim }}
{% endfor %}
{% if add_generation_prompt %}
<|assistant|>
{% endif %}
J
echo '{"messages":[{"role":"user","content":" Grüß dich {{ x }} "}],"add_generation_prompt":true}' > vars.json
"$FRUGAL" prompt render ask.jinja --vars vars.json
