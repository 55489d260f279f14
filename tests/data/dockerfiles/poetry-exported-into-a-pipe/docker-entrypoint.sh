#!/bin/sh
. /venv/bin/activate
exec python -m classifier
