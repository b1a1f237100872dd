echo "{\"a\": 1}" > v.json; frugal report v.json
