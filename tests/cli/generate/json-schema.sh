# A JSON schema holds the answer, hot or cold, from a file or as text; what is not understood is named with its place.
m="$TOP/models/frugal-tiny.gguf"
cat > person.json << 'END'
{"type": "object", "required": ["name", "age", "kinds"], "additionalProperties": false,
 "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0, "maximum": 120},
                "kinds": {"type": "array", "items": {"enum": ["red", "blue"]}, "maxItems": 3}}}
END
for seed in 1 2 3 4; do
    frugal generate -m "$m" -p "The hat:" --json-schema person.json --temp 1.5 --seed $seed -n 200 --json --quiet --ledger l.db |
        grep -oE '"finish_reason": "[a-z]*"'
done | sort | uniq -c | tr -s ' '
frugal generate -m "$m" -p "The hat:" --json-schema '{"enum": ["red", "blue"]}' --quiet --ledger l.db | grep -xE '"red"|"blue"' | wc -l
frugal generate -m "$m" -p x --json-schema '{"properties": {"a": {"multipleOf": 3}}}' --ledger l.db
