# Many files of one size: how long does an inventory take, and what does it grow with?
FROM python:3.11-slim
ARG COUNT
ARG BYTES
COPY make_files.py /
RUN python /make_files.py ${COUNT} ${BYTES}
CMD ["python", "-V"]
