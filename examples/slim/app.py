"""Which iris is it? `POST /predict` with four lengths in cm, and `GET /health`, on port 5000."""

import numpy as np
import pandas as pd
from annoy import AnnoyIndex
from flask import Flask, request
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]

iris = load_iris()  # 150 flowers, which scikit-learn brings along
flowers = pd.DataFrame(iris.data, columns=FEATURES)
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(flowers, iris.target)
index = AnnoyIndex(len(FEATURES), "euclidean")
for number, measures in enumerate(iris.data):
    index.add_item(number, measures)
index.build(10)

app = Flask(__name__)


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/predict")
def predict():
    body = request.get_json()
    try:
        flower = pd.DataFrame([[float(body[name]) for name in FEATURES]], columns=FEATURES)
    except (KeyError, TypeError, ValueError):
        return {"error": f"want the numbers {', '.join(FEATURES)}"}, 400
    chances = model.predict_proba(flower)[0]
    best = int(np.argmax(chances))
    return {
        "species": str(iris.target_names[best]),
        "chance": round(float(chances[best]), 3),
        "most like": index.get_nns_by_vector(flower.iloc[0].tolist(), 3),
    }
