#!/bin/bash
set -e
[ -d /models/x ] || huggingface-cli download org/x --local-dir /models/x
pip install -r /opt/requirements-plugins.txt
exec "$@"
