# A leaderboard and a card become a catalogue that can be committed; importing again changes nothing.
cat > board.csv <<'X'
Rank,fullname,#Params (B),Hub License,Submission Date,"IFEval, strict",Precision
1,acme/tinkle-2b,2.1,apache-2.0,2026-03-01,41.5,bf16
2,"<a href=""https://x"">acme/tinkle-7b</a>",7,mit,2026-03-02,61.25,bf16
X
mkdir tinkle-2b
cat > tinkle-2b/README.md <<'X'
---
license: apache-2.0
language: [de, en]
tags: [code]
pipeline_tag: text-generation
base_model: acme/tinkle-base
datasets: [acme/bells]
co2_eq_emissions: {emissions: 1234.5, source: codecarbon}
model-index:
  - name: acme/tinkle-2b
    results:
      - task: {type: text-generation}
        dataset: {name: Bell ringing}
        metrics: [{type: acc, value: 0.75}]
---
# tinkle
X
frugal models import board.csv tinkle-2b/README.md --catalog models.json
cp models.json before.json
frugal models import board.csv tinkle-2b/README.md --catalog models.json --json
cmp before.json models.json && cat models.json
frugal models show tinkle-2b --catalog models.json
frugal models list --language de --name tinkle --catalog models.json
frugal models list --language de --name tinkle --unknown --catalog models.json --json | grep -c '"name"'
