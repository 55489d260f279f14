# Many distributions: how long does it take to read what is installed?
FROM python:3.11-slim
ARG COUNT
COPY make_distributions.py /
RUN python /make_distributions.py ${COUNT}
CMD ["python", "-V"]
