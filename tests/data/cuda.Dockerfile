# PyPI's own torch, built for CUDA: gigabytes of wheels.
FROM python:3.11-slim
RUN pip install --no-cache-dir torch==2.14.1
CMD ["python", "-c", "import torch"]
