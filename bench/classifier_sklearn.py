"""The peer of bench/classifier.c: scikit-learn with the same features and the same penalty.

    OMP_NUM_THREADS=1 python classifier_sklearn.py TRAIN.csv EVAL.csv C [MIN_ROWS]
"""
import csv
import json
import sys
import time

import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline


def rows(path):
    with open(path, newline="", encoding="utf-8") as f:
        table = list(csv.reader(f))[1:]
    return [r[0] for r in table], [r[1] for r in table]


train, eval_ = rows(sys.argv[1]), rows(sys.argv[2])
c, least = float(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 2
features = FeatureUnion([
    ("words", TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", sublinear_tf=True, min_df=least)),
    ("chars", TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=least))])
model = make_pipeline(features, LogisticRegression(C=c, max_iter=1000))
begin, begin_cpu = time.perf_counter(), time.process_time()
model.fit(*train)
train_s, train_cpu_s = time.perf_counter() - begin, time.process_time() - begin_cpu
begin_cpu = time.process_time()
accuracy = model.score(*eval_)
print(json.dumps({"scikit-learn": sklearn.__version__, "rows": len(train[0]), "c": c, "accuracy": round(accuracy, 4),
                  "features": sum(len(v.vocabulary_) for _, v in features.transformer_list),
                  "iterations": int(model[-1].n_iter_[0]), "train_s": round(train_s, 2), "train_cpu_s": round(train_cpu_s, 2),
                  "predict_us": round((time.process_time() - begin_cpu) * 1e6 / len(eval_[0]), 1)}))
